/** What stands around the SDK in its tests: a scripted server behind fake WebSockets, and a fake RTCPeerConnection. */

/** Lets everything that is ready to run, run. */
export async function settle() {
  for (let turn = 0; turn < 40; turn++) await Promise.resolve();
}

/** A server that answers as docs/protocol.md says, or as a test tells it to. */
export class FakeServer {
  /** Sockets the client opened, in order. */
  sockets = [];
  /** Every frame of a room, as [event, payload]. */
  requests = [];
  reachable = true;
  answersHeartbeats = true;
  /** event -> payload -> response, or a refusal thrown as { reason, message }. */
  answers = {
    phx_join: (join) => this.joined(join),
    phx_leave: () => ({}),
    track: () => ({}),
    view: () => ({}),
    report: () => ({}),
    offer: (offer) => ({ answer: "answer", tracks: this.tracksOf(offer.senders), slots: this.slots }),
  };
  peers = [];
  slots = [{ mid: "4", kind: "audio", track: null }, { mid: "5", kind: "video", track: null }];
  joinRef = null;

  connect = () => {
    const socket = {
      sent: [],
      send: (text) => this.#received(socket, JSON.parse(text)),
      close: () => (socket.closed = true),
      onopen: null, onmessage: null, onclose: null, closed: false,
    };
    this.sockets.push(socket);
    if (this.reachable) queueMicrotask(() => socket.onopen?.());
    return socket;
  };

  get socket() {
    return this.sockets.at(-1);
  }

  /** The requests of one kind. */
  asked(event) {
    return this.requests.filter(([name]) => name === event).map(([, payload]) => payload);
  }

  push(event, payload) {
    this.say([null, null, "room:tea", event, payload]);
  }

  say(frame) {
    this.socket.onmessage?.({ data: JSON.stringify(frame) });
  }

  /** The connection breaks. */
  cut() {
    this.socket.onclose?.();
  }

  joined(join) {
    return {
      peer: "p7", resume: "token", answer: join.offer ? "answer" : null,
      tracks: this.tracksOf(join.senders), peers: this.peers, peers_total: this.peers.length, slots: this.slots, ice_servers: this.iceServers,
    };
  }

  tracksOf(senders) {
    return senders.map(({ mid, source, on }) => ({ id: `t${mid}`, source, kind: "audio", on, mid }));
  }

  #received(socket, [joinRef, ref, topic, event, payload]) {
    const reply = (status, response) => queueMicrotask(() => {
      if (!socket.closed) socket.onmessage?.({ data: JSON.stringify([joinRef, ref, topic, "phx_reply", { status, response }]) });
    });
    if (event === "heartbeat") return this.answersHeartbeats && reply("ok", {});
    if (event === "phx_join") this.joinRef = joinRef;
    this.requests.push([event, payload]);
    const answer = this.answers[event];
    if (!answer) return undefined;
    try {
      const response = answer(payload);
      if (response !== undefined) reply("ok", response);
    } catch (refusal) {
      reply("error", refusal);
    }
  }
}

/** An RTCPeerConnection as far as the SDK uses one. */
export class FakePeerConnection extends EventTarget {
  static all = [];
  transceivers = [];
  connectionState = "new";
  signalingState = "stable";
  localDescription = null;
  received = 0;
  /** What else the browser's report holds, by id. */
  stats = {};
  iceRestarts = 0;

  constructor() {
    super();
    FakePeerConnection.all.push(this);
  }

  addTransceiver(kind, { direction, sendEncodings }) {
    let parameters = { encodings: sendEncodings?.map((encoding) => ({ active: true, ...encoding })) ?? [] };
    const sender = {
      track: null, replaceTrack: async (track) => void (sender.track = track),
      getParameters: () => structuredClone(parameters), setParameters: async (changed) => void (parameters = changed),
    };
    const setCodecPreferences = (codecs) => void (transceiver.codecs = codecs);
    const transceiver = { kind, direction, sendEncodings, mid: null, sender, setCodecPreferences, receiver: { track: { kind, id: `${kind} of section ${this.transceivers.length}` } } };
    this.transceivers.push(transceiver);
    return transceiver;
  }

  async createOffer() {
    return { type: "offer", sdp: `offer of ${this.transceivers.length} sections, ice ${this.iceRestarts}` };
  }

  async setLocalDescription(description) {
    this.transceivers.forEach((transceiver, index) => (transceiver.mid = String(index)));
    this.localDescription = description;
    this.signalingState = "have-local-offer";
  }

  async setRemoteDescription() {
    this.signalingState = "stable";
    this.#become("connected");
  }

  setConfiguration({ iceServers = [] }) {
    this.iceServers = iceServers;
  }

  restartIce() {
    this.iceRestarts += 1;
  }

  async getStats() {
    return new Map([["pair", { type: "candidate-pair", bytesReceived: this.received }], ...Object.entries(structuredClone(this.stats))]);
  }

  close() {
    this.connectionState = "closed";
  }

  #become(state) {
    this.connectionState = state;
    this.dispatchEvent(new Event("connectionstatechange"));
  }
}

export function fakeTrack(kind, label = kind) {
  return Object.assign(new EventTarget(), { kind, label, stop() {}, getSettings: () => ({ deviceId: label }) });
}
