// Runs inside a page of a browser without file devices: getUserMedia gives a drawn picture and a played tone.
(() => {
  const { id, hue, hertz, width, height, cell, fps } = globalThis.studioSettings;

  function camera() {
    const canvas = document.createElement('canvas');
    Object.assign(canvas, { width, height });
    const context = canvas.getContext('2d');
    let counter = 0;
    const paint = (bit, x, y) => {
      context.fillStyle = bit ? '#fff' : '#000';
      context.fillRect(x * cell, y * cell, cell, cell);
    };
    const draw = () => {
      context.fillStyle = `hsl(${hue},100%,50%)`;
      context.fillRect(0, 0, width, height);
      const code = (id << 8) | (~id & 0xff);
      for (let i = 0; i < 16; i++) {
        paint((counter >> (15 - i)) & 1, i, 0);
        paint((code >> (15 - i)) & 1, i, 1);
      }
      counter = (counter + 1) & 0xffff;
    };
    draw();
    setInterval(draw, 1000 / fps);
    return canvas.captureStream(fps).getVideoTracks()[0];
  }

  function microphone() {
    const audio = new AudioContext();
    const tone = new OscillatorNode(audio, { frequency: hertz });
    const volume = new GainNode(audio, { gain: 0.4 });
    const out = new MediaStreamAudioDestinationNode(audio);
    tone.connect(volume).connect(out);
    tone.start();
    return out.stream.getAudioTracks()[0];
  }

  navigator.mediaDevices.getUserMedia = async ({ audio, video }) => {
    const tracks = [];
    if (audio) tracks.push(microphone());
    if (video) tracks.push(camera());
    return new MediaStream(tracks);
  };
})();
