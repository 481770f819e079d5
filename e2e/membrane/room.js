// A page as somebody writes it who follows Membrane's documentation: nothing in it knows of Parlor.
import { Socket } from 'phoenix';
import { WebRTCEndpoint } from '@jellyfish-dev/membrane-webrtc-js';

const query = new URLSearchParams(location.search);
const SIMULCAST = { enabled: true, activeEncodings: ['l', 'm', 'h'], disabledEncodings: [] };

/** Everything that happened, oldest first, for whoever looks at the page from outside. */
const events = [];
const note = (type, ...details) => events.push({ type, details });
/** The kinds of media events that went each way. */
const spoken = { said: new Set(), heard: new Set() };
const kindOf = (text) => {
  const { type, data } = JSON.parse(text);
  return type === 'custom' ? data.type : type;
};

class Room {
  constructor() {
    this.endpoints = new Map();
    this.tracks = new Map();
    this.own = new Map();
    this.socket = new Socket(query.get('server'));
    this.socket.onOpen(() => note('socketOpen'));
    this.socket.onClose(() => note('socketClosed'));
    this.socket.connect();
    this.channel = this.socket.channel(`room:${query.get('room')}`, { isSimulcastOn: query.get('simulcast') === 'true' });
    this.webrtc = new WebRTCEndpoint();
    this.webrtc.on('sendMediaEvent', (mediaEvent) => {
      spoken.said.add(kindOf(mediaEvent));
      this.channel.push('mediaEvent', { data: mediaEvent });
    });
    this.channel.on('mediaEvent', (event) => {
      spoken.heard.add(kindOf(event.data));
      this.webrtc.receiveMediaEvent(event.data);
    });
    this.channel.on('error', (error) => note('channelError', error.message));
    this.channel.on('simulcastConfig', ({ data }) => note('simulcastConfig', data));
    this.channel.onClose(() => note('channelClosed'));
    this.channel.onError(() => note('channelFailed'));
    this.#listen();
  }

  #listen() {
    const { webrtc } = this;
    webrtc.on('connected', (id, others) => {
      this.id = id;
      for (const other of others) this.endpoints.set(other.id, other.metadata);
      note('connected', id);
    });
    webrtc.on('connectionError', (message) => note('connectionError', message));
    webrtc.on('disconnected', () => note('disconnected'));
    webrtc.on('endpointAdded', (endpoint) => {
      this.endpoints.set(endpoint.id, endpoint.metadata);
      note('endpointAdded', endpoint.id);
    });
    webrtc.on('endpointUpdated', (endpoint) => {
      this.endpoints.set(endpoint.id, endpoint.metadata);
      note('endpointUpdated', endpoint.id, endpoint.metadata);
    });
    webrtc.on('endpointRemoved', (endpoint) => {
      this.endpoints.delete(endpoint.id);
      note('endpointRemoved', endpoint.id);
    });
    webrtc.on('trackAdded', (track) => {
      track.on('encodingChanged', (changed) => note('encodingChanged', changed.trackId, changed.encoding, changed.encodingReason));
      track.on('voiceActivityChanged', (changed) => note('voiceActivityChanged', changed.trackId, changed.vadStatus));
    });
    webrtc.on('trackReady', (track) => {
      this.tracks.set(track.trackId, track);
      note('trackReady', track.trackId);
      this.#show(track);
    });
    webrtc.on('trackUpdated', (track) => note('trackUpdated', track.trackId, track.metadata));
    webrtc.on('trackRemoved', (track) => {
      if (!track) return note('trackRemovedWithoutName');
      this.tracks.delete(track.trackId);
      document.querySelectorAll('video').forEach((video) => video.dataset.track === track.trackId && video.remove());
      note('trackRemoved', track.trackId);
    });
    webrtc.on('trackEncodingDisabled', (track, encoding) => note('trackEncodingDisabled', track?.trackId, encoding));
    webrtc.on('trackEncodingEnabled', (track, encoding) => note('trackEncodingEnabled', track?.trackId, encoding));
    webrtc.on('bandwidthEstimationChanged', (estimation) => note('bandwidthEstimation', Number(estimation)));
  }

  /** Each picture is a tile that plays the stream in which it came, as Membrane's own pages have it. */
  #show({ trackId, track, stream, endpoint, metadata }) {
    if (track.kind !== 'video') return;
    const video = document.createElement('video');
    Object.assign(video, { autoplay: true, playsInline: true, muted: true, srcObject: stream });
    Object.assign(video.dataset, { track: trackId, endpoint: endpoint.id, type: metadata?.type ?? '', stream: stream.id });
    document.body.append(video);
  }

  /** Gets into the room. */
  join(displayName) {
    return new Promise((resolve, reject) => {
      this.webrtc.once('connected', resolve);
      this.channel.join()
        .receive('ok', () => this.webrtc.connect({ displayName }))
        .receive('error', (refusal) => reject(new Error(JSON.stringify(refusal))));
    });
  }

  /** Opens the devices and sends what they give. */
  async publish({ video = true, audio = true } = {}) {
    const picture = { width: 1280, height: 720 };
    const sound = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    this.local ??= await navigator.mediaDevices.getUserMedia({ audio: audio && sound, video: video && picture });
    const simulcast = query.get('simulcast') === 'true' ? [SIMULCAST, new Map([['l', 100], ['m', 500], ['h', 1500]])] : [];
    for (const track of this.local.getTracks().filter(({ kind }) => (kind === 'audio' ? audio : video))) {
      const type = track.kind === 'audio' ? 'audio' : 'camera';
      const extra = track.kind === 'video' ? simulcast : [];
      this.own.set(type, await this.webrtc.addTrack(track, this.local, { type, active: true }, ...extra));
    }
  }

  /** A picture of one colour, of ever another lightness. */
  #paint(hue) {
    const canvas = Object.assign(document.createElement('canvas'), { width: 640, height: 360 });
    const context = canvas.getContext('2d');
    let shade = 0;
    setInterval(() => {
      context.fillStyle = `hsl(${hue} 100% ${45 + (shade++ % 10)}%)`;
      context.fillRect(0, 0, 640, 360);
    }, 100);
    return canvas.captureStream(10);
  }

  /** Shows something else, beside the camera. */
  async share(hue) {
    const stream = this.#paint(hue);
    this.own.set('screensharing', await this.webrtc.addTrack(stream.getVideoTracks()[0], stream, { type: 'screensharing', active: true }));
  }

  /** Shows another thing in its place. */
  replace(hue) {
    const [track] = this.#paint(hue).getVideoTracks();
    return this.webrtc.replaceTrack(this.own.get('screensharing'), track, { type: 'screensharing', active: true, hue });
  }

  async unpublish(type) {
    await this.webrtc.removeTrack(this.own.get(type));
    this.own.delete(type);
  }

  /** Has the newest numbers of the room at hand, as Membrane's own page of statistics does. */
  watch() {
    this.numbers = this.socket.channel('stats', {});
    this.numbers.on('metrics', ({ stats }) => {
      this.stats = stats;
      note('metrics');
    });
    return new Promise((resolve, reject) => this.numbers.join().receive('ok', resolve).receive('error', reject));
  }

  leave() {
    this.webrtc.disconnect();
    this.channel.leave();
    this.socket.disconnect();
  }
}

Object.assign(globalThis, { room: new Room(), events, spoken });
