"""Plays a room by WHEP with aiortc, and says whose picture and which tone arrives until standard input ends.

    aiortc-whep.py URL        offers, and takes the server's answer
    aiortc-whep.py URL ask    asks for an offer, and answers it
"""

import asyncio
import sys
import urllib.parse
import urllib.request

from aiortc import RTCBundlePolicy, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

CELLS = 16


def whose(frame):
    """The id that a picture of pattern.mjs says, or None."""
    luma, cell = frame.planes[0], frame.width // CELLS
    row = bytes(luma)[luma.line_size * (cell * 3 // 2) :]
    code = 0
    for column in range(CELLS):
        code = code * 2 + (row[column * cell + cell // 2] > 128)
    return code >> 8 if (code >> 8) ^ (code & 0xFF) == 0xFF else None


async def watch(track):
    last = None
    while True:
        seen = whose(await track.recv())
        if seen is not None and seen != last:
            print(f"sees {seen}", flush=True)
            last = seen


async def listen(track):
    """Counts how often a second's samples begin to be positive."""
    while True:
        samples = []
        while len(samples) < 48000:
            frame = await track.recv()
            stereo = memoryview(bytes(frame.planes[0])).cast("h")[: frame.samples * 2]
            samples.extend(stereo[::2])
        rises = sum(before <= 0 < after for before, after in zip(samples, samples[1:]))
        print(f"hears {rises * 48000 / len(samples):.0f}", flush=True)


async def until_lost(work):
    try:
        await work
    except MediaStreamError:
        pass


def with_candidates_everywhere(description):
    """aiortc takes the candidates of the last section of a bundle, where there are none (RFC 9429 sections 5.2.1 and 5.3.1)."""
    lines = description.splitlines()
    candidates = [line for line in lines if line.startswith(("a=candidate", "a=end-of-candidates"))]
    others = [line for line in lines if line not in candidates]
    parts = "\r\n".join(others).split("\r\nm=")
    sections = ["\r\n".join([section, *candidates]) for section in parts[1:]]
    return "\r\nm=".join([parts[0], *sections]) + "\r\n"


def send(request):
    return urllib.request.urlopen(request)


async def offer(peer, url):
    for kind in ("audio", "video"):
        peer.addTransceiver(kind, direction="recvonly")
    await peer.setLocalDescription(await peer.createOffer())
    offer = peer.localDescription.sdp.encode()
    request = urllib.request.Request(url, offer, {"Content-Type": "application/sdp"})
    with await asyncio.to_thread(send, request) as response:
        answer = with_candidates_everywhere(response.read().decode())
        await peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        return urllib.parse.urljoin(url, response.headers["Location"])


async def answer(peer, url):
    request = urllib.request.Request(url, method="POST", headers={"Accept": "application/sdp"})
    with await asyncio.to_thread(send, request) as response:
        session = urllib.parse.urljoin(url, response.headers["Location"])
        offer = with_candidates_everywhere(response.read().decode())
    await peer.setRemoteDescription(RTCSessionDescription(offer, "offer"))
    await peer.setLocalDescription(await peer.createAnswer())
    answer = peer.localDescription.sdp.encode()
    request = urllib.request.Request(session, answer, {"Content-Type": "application/sdp"}, method="PATCH")
    await asyncio.to_thread(send, request)
    return session


async def main(url, asks):
    peer = RTCPeerConnection(RTCConfiguration(bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
    work = []

    @peer.on("track")
    def arrives(track):
        work.append(asyncio.create_task(until_lost(watch(track) if track.kind == "video" else listen(track))))

    session = await (answer if asks else offer)(peer, url)
    print("playing", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await asyncio.to_thread(send, urllib.request.Request(session, method="DELETE"))
    await peer.close()
    print("closed", flush=True)


asyncio.run(main(sys.argv[1], sys.argv[2:] == ["ask"]))
