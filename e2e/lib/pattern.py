"""The picture and the tone of an id, for publishers that are no browsers: pattern.mjs makes the files."""

import itertools
import math
import struct

SAMPLE_RATE = 48000
LOUD = 12000


class Picture:
    """The frames of a YUV4MPEG2 file, over and over."""

    def __init__(self, path):
        with open(path, "rb") as file:
            data = file.read()
        header, _, rest = data.partition(b"\n")
        fields = {field[:1]: field[1:] for field in header.decode().split()[1:]}
        self.width, self.height = int(fields["W"]), int(fields["H"])
        self.fps = int(fields["F"].split(":")[0])
        self.luma = self.width * self.height
        size = self.luma * 3 // 2
        head = len(b"FRAME\n")
        self.frames = [rest[at + head : at + head + size] for at in range(0, len(rest), head + size)]

    def __iter__(self):
        return itertools.cycle(self.frames)

    def planes(self, frame):
        """The three planes of a frame of 4:2:0."""
        chroma = self.luma // 4
        return frame[: self.luma], frame[self.luma : self.luma + chroma], frame[self.luma + chroma :]


def tone(hertz, start, samples):
    """So many samples of a tone in stereo, 16 bits each, from the one that is `start` on."""
    values = (int(LOUD * math.sin(2 * math.pi * hertz * (start + n) / SAMPLE_RATE)) for n in range(samples))
    return b"".join(struct.pack("<hh", value, value) for value in values)
