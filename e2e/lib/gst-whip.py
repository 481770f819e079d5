"""Publishes a picture and a tone by GStreamer's webrtcbin until standard input ends. WHIP is done by hand: Debian 12
has no whipsink.

    gst-whip.py URL PICTURE.y4m HERTZ vp8|h264
"""

import os
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

from pattern import Picture  # noqa: E402

ENCODERS = {
    "vp8": "vp8enc deadline=1 keyframe-max-dist=30 ! rtpvp8pay ! application/x-rtp,media=video,encoding-name=VP8,payload=96",
    "h264": "openh264enc gop-size=30 ! h264parse ! rtph264pay aggregate-mode=zero-latency config-interval=-1"
    " ! application/x-rtp,media=video,encoding-name=H264,payload=96",
}

if len(sys.argv) != 5:
    sys.exit(__doc__)
url, picture_file, hertz, codec = sys.argv[1:]
picture = Picture(picture_file)
Gst.init(None)
pipeline = Gst.parse_launch(
    "webrtcbin name=peer bundle-policy=max-bundle"
    f" appsrc name=camera is-live=true do-timestamp=true format=time"
    f" caps=video/x-raw,format=I420,width={picture.width},height={picture.height},framerate={picture.fps}/1"
    f" ! queue ! {ENCODERS[codec]} ! peer."
    f" audiotestsrc is-live=true freq={hertz} volume=0.4 ! audioconvert ! opusenc ! rtpopuspay"
    " ! application/x-rtp,media=audio,encoding-name=OPUS,payload=97 ! peer."
)
peer, camera = pipeline.get_by_name("peer"), pipeline.get_by_name("camera")
loop = GLib.MainLoop()
session = None


def offer_made(promise):
    # The reply owns what it has: it must outlive the offer.
    reply = promise.get_reply()
    offer = reply.get_value("offer")
    peer.emit("set-local-description", offer, Gst.Promise.new())
    request = urllib.request.Request(url, offer.sdp.as_text().encode(), {"Content-Type": "application/sdp"})
    try:
        with urllib.request.urlopen(request) as response:
            global session
            session = urllib.parse.urljoin(url, response.headers["Location"])
            answer = response.read()
    except urllib.error.HTTPError as refusal:
        give_up(f"{refusal}: {refusal.read().decode(errors='replace')}")
    except OSError as error:
        give_up(f"{url}: {error}")
    _, message = GstSdp.SDPMessage.new()
    GstSdp.sdp_message_parse_buffer(answer, message)
    description = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, message)
    peer.emit("set-remote-description", description, Gst.Promise.new())
    print("publishing", flush=True)


def give_up(why):
    print(why, file=sys.stderr, flush=True)
    os._exit(1)


def offer(_peer):
    peer.emit("create-offer", None, Gst.Promise.new_with_change_func(offer_made))


def draw():
    for frame in picture:
        camera.emit("push-buffer", Gst.Buffer.new_wrapped(frame))
        time.sleep(1 / picture.fps)


def wait_for_the_end():
    sys.stdin.read()
    GLib.idle_add(loop.quit)


peer.connect("on-negotiation-needed", offer)
pipeline.set_state(Gst.State.PLAYING)
for work in (draw, wait_for_the_end):
    threading.Thread(target=work, daemon=True).start()
loop.run()
if session:
    urllib.request.urlopen(urllib.request.Request(session, method="DELETE"))
print("closed", flush=True)
# GStreamer has threads that would be waited for.
os._exit(0)
