"""Publishes a picture and a tone by FFmpeg's own WHIP muxer (libavformat as PyAV brings it) until standard input ends.

    ffmpeg-whip.py URL PICTURE.y4m HERTZ CERTIFICATE.pem KEY.pem

The certificate is given because this build of FFmpeg makes keys on P-224, which WebRTC does not have (RFC 8827 section
6.5 wants P-256).
"""

import fractions
import sys
import threading
import time

import av

from pattern import SAMPLE_RATE, Picture, tone

FRAME_SAMPLES = 960

url, picture_file, hertz, certificate, key = sys.argv[1:]
picture = Picture(picture_file)
stop = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()

options = {"cert_file": certificate, "key_file": key}
output = av.open(url, "w", format="whip", container_options=options)
encoder = {"profile": "baseline", "preset": "ultrafast", "tune": "zerolatency", "g": str(picture.fps)}
video = output.add_stream("libx264", rate=picture.fps, options=encoder)
video.width, video.height, video.pix_fmt = picture.width, picture.height, "yuv420p"
audio = output.add_stream("libopus", rate=SAMPLE_RATE)
audio.layout = "stereo"
output.start_encoding()
print("publishing", flush=True)

frames = iter(picture)
pictures = samples = 0
start = time.monotonic()
while not stop.is_set():
    elapsed = time.monotonic() - start
    while pictures / picture.fps <= elapsed:
        frame = av.VideoFrame(picture.width, picture.height, "yuv420p")
        for plane, content in zip(frame.planes, picture.planes(next(frames))):
            plane.update(content)
        frame.pts, frame.time_base = pictures, fractions.Fraction(1, picture.fps)
        output.mux(video.encode(frame))
        pictures += 1
    while samples / SAMPLE_RATE <= elapsed:
        sound = av.AudioFrame(format="s16", layout="stereo", samples=FRAME_SAMPLES)
        sound.planes[0].update(tone(float(hertz), samples, FRAME_SAMPLES))
        sound.sample_rate, sound.pts = SAMPLE_RATE, samples
        sound.time_base = fractions.Fraction(1, SAMPLE_RATE)
        output.mux(audio.encode(sound))
        samples += FRAME_SAMPLES
    time.sleep(0.005)
output.close()
print("closed", flush=True)
