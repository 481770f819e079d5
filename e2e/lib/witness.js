// Runs inside the page: notes several times a second what arrives of others' cameras, what leaves of ours, and what the server says.
globalThis.witness ??= (() => {
  const INTERVAL_MS = 100;
  const { room } = globalThis.parlor;
  let notes = [];

  const pick = (report, names) => Object.fromEntries(names.map((name) => [name, report[name] ?? 0]));

  /** What arrives of a peer's camera, and what we are told of it; no numbers while no slot carries it. */
  function arrives(peer, inbound) {
    const camera = peer.tracks.find(({ source }) => source === 'camera');
    const report = inbound.find(({ trackIdentifier }) => trackIdentifier === camera?.media?.id);
    const told = room.quality.tracks.find(({ track }) => track === camera?.id) ?? null;
    if (!report) return { told };
    const counted = ['frameHeight', 'framesDecoded', 'freezeCount', 'totalFreezesDuration', 'bytesReceived', 'packetsReceived', 'packetsLost', 'nackCount', 'pliCount'];
    return { told, ...pick(report, counted) };
  }

  async function note() {
    const reports = [...(await room.stats()).values()];
    const inbound = reports.filter(({ type, kind }) => type === 'inbound-rtp' && kind === 'video');
    const camera = reports.find(({ type, rid }) => type === 'outbound-rtp' && rid === 'm')?.mid; // screens have two sizes
    const outbound = reports.filter(({ type, kind, mid }) => type === 'outbound-rtp' && kind === 'video' && mid === camera);
    const { selectedCandidatePairId } = reports.find(({ type }) => type === 'transport') ?? {}; // of several that were nominated
    const pair = reports.find(({ id }) => id === selectedCandidatePairId);
    const voices = reports.filter(({ type, kind }) => type === 'inbound-rtp' && kind === 'audio');
    notes.push({
      at: performance.timeOrigin + performance.now(),
      network: room.quality.network,
      estimate_bps: room.quality.estimate_bps,
      cameras: Object.fromEntries([...room.peers].map(([id, peer]) => [id, arrives(peer, inbound)])),
      layers: Object.fromEntries(outbound.map((report) => [report.rid, pick(report, ['framesEncoded', 'frameHeight', 'bytesSent', 'qualityLimitationReason'])])),
      sendable_bps: pair?.availableOutgoingBitrate ?? null,
      concealed: voices.reduce((sum, voice) => sum + (voice.concealedSamples ?? 0) - (voice.silentConcealedSamples ?? 0), 0),
    });
  }

  // One after the other: a page that is busy notes less, and never the same moment twice.
  (async () => {
    for (;;) {
      await note().catch(() => {}); // a connection that is being replaced has no report
      await new Promise((done) => setTimeout(done, INTERVAL_MS));
    }
  })();

  return {
    /** What was noted since the last time. */
    take() {
      const taken = notes;
      notes = [];
      return taken;
    },
  };
})();
