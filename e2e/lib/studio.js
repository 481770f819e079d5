// Runs inside a page: draws a person's picture and plays their tone, on a stage of its own or as devices that
// getUserMedia gives, which a test can plug in and out.
globalThis.studio = (() => {
  /** How loud tones are played: far from clipping. */
  const LOUD = 0.4;
  const loudness = [];
  const { width, height, cell, fps } = globalThis.studioSettings;

  /** Draws the picture that says `id` on a canvas, frame after frame. */
  function draw(canvas, { id, hue }) {
    Object.assign(canvas, { width, height });
    const context = canvas.getContext('2d');
    let counter = 0;
    const paint = (bit, x, y) => {
      context.fillStyle = bit ? '#fff' : '#000';
      context.fillRect(x * cell, y * cell, cell, cell);
    };
    const frame = () => {
      context.fillStyle = `hsl(${hue},100%,50%)`;
      context.fillRect(0, 0, width, height);
      const code = (id << 8) | (~id & 0xff);
      for (let i = 0; i < 16; i++) {
        paint((counter >> (15 - i)) & 1, i, 0);
        paint((code >> (15 - i)) & 1, i, 1);
      }
      counter = (counter + 1) & 0xffff;
    };
    frame();
    setInterval(frame, 1000 / fps);
  }

  function play(audio, out, { hertz }) {
    const tone = new OscillatorNode(audio, { frequency: hertz });
    const volume = new GainNode(audio, { gain: LOUD });
    loudness.push(volume.gain);
    tone.connect(volume).connect(out);
    tone.start();
  }

  const capture = {
    videoinput(device) {
      const canvas = document.createElement('canvas');
      draw(canvas, device);
      return canvas.captureStream(fps).getVideoTracks()[0];
    },
    audioinput(device) {
      const audio = new AudioContext();
      const out = new MediaStreamAudioDestinationNode(audio);
      play(audio, out, device);
      return out.stream.getAudioTracks()[0];
    },
  };

  /** Makes the page's devices a camera and a microphone for each of `people`. */
  function plugIn(people) {
    const media = navigator.mediaDevices;
    if (!media) return; // about:blank
    let plugged = people.flatMap((person) => [
      { ...person, kind: 'videoinput', deviceId: `camera-${person.id}`, label: `Camera ${person.id}`, groupId: '' },
      { ...person, kind: 'audioinput', deviceId: `microphone-${person.id}`, label: `Microphone ${person.id}`, groupId: '' },
    ]);
    const tracks = [];
    const open = (kind, constraints) => {
      const devices = plugged.filter((device) => device.kind === kind);
      const device = devices.find(({ deviceId }) => deviceId === constraints?.deviceId?.ideal) ?? devices[0];
      if (!device) throw new DOMException('Requested device not found', 'NotFoundError');
      const track = capture[kind](device);
      track.getSettings = () => ({ deviceId: device.deviceId });
      Object.defineProperty(track, 'label', { value: device.label });
      tracks.push({ track, deviceId: device.deviceId });
      return track;
    };
    media.enumerateDevices = async () => plugged;
    media.getUserMedia = async ({ audio, video }) =>
      new MediaStream([...(audio ? [open('audioinput', audio)] : []), ...(video ? [open('videoinput', video)] : [])]);
    globalThis.studio.unplug = (deviceId) => {
      plugged = plugged.filter((device) => device.deviceId !== deviceId);
      for (const { track } of tracks.filter((one) => one.deviceId === deviceId && one.track.readyState === 'live')) {
        track.stop();
        track.dispatchEvent(new Event('ended')); // a track that its page stops says nothing; one that is unplugged does
      }
      media.dispatchEvent(new Event('devicechange'));
    };
  }

  /** Lets everything that is played be silent, or sound again, while its devices stay on. */
  function hush(silent) {
    for (const gain of loudness) gain.value = silent ? 0 : LOUD;
  }

  /** Fills the page with a person's picture and tone, for a tab that is shared. */
  function perform(person) {
    const canvas = document.createElement('canvas');
    canvas.style.cssText = 'position: fixed; inset: 0; width: 100vw; height: 100vh';
    document.body.append(canvas);
    draw(canvas, person);
    const audio = new AudioContext();
    play(audio, audio.destination, person);
  }

  return { plugIn, perform, hush };
})();
