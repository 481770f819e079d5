//! What an engine has done since it was made, in plain numbers for metrics.

/// Totals since the engine was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Datagrams that were for a peer of the engine; its caller knows what became of the others.
    pub datagrams_in: u64,
    /// Datagrams that a connection refused: forged, replayed, malformed, or too early.
    pub datagrams_dropped: u64,
    /// RTP packets from publishers, retransmissions included.
    pub packets_in: u64,
    /// Their bytes, header and payload.
    pub bytes_in: u64,
    /// RTP packets that could not be used: malformed, of no known stream, or not negotiated.
    pub packets_refused: u64,
    /// RTP packets of publishers of other threads that came from these.
    pub packets_relayed_in: u64,
    /// RTP packets of our publishers that went to other threads, once for each.
    pub packets_relayed_out: u64,
    /// Times that another thread fell behind by more than a ring holds and skipped to a key frame.
    pub relays_overtaken: u64,
    /// Packets that publishers' links lost and that came after all.
    pub packets_recovered: u64,
    /// RTP packets to subscribers, retransmissions excluded.
    pub packets_out: u64,
    /// Their bytes, header, payload and authentication tag.
    pub bytes_out: u64,
    /// Packets that subscribers' reports say were lost on the way.
    pub packets_lost_out: u64,
    /// Times that a subscriber fell behind by more than a ring holds and skipped to a key frame.
    pub readers_overtaken: u64,
    /// Times that a peer could not get a track because it has not negotiated the codec that the track
    /// turned out to have; it keeps no slot for it.
    pub viewers_of_other_codec: u64,
    /// Packets that a subscriber could not get because it has not negotiated their codec.
    pub packets_of_other_codec: u64,
    /// Times that somebody began to speak and was forwarded from then on, where only the loudest are.
    pub microphones_let_in: u64,
    /// Times that somebody began, or went on, to speak and was not: louder ones had all places.
    pub microphones_kept_out: u64,
    /// Packets that were asked for by subscribers and sent again.
    pub packets_retransmitted: u64,
    /// Their bytes, header, payload and authentication tag.
    pub bytes_retransmitted: u64,
    /// Packets that were sent once more as padding, to probe paths.
    pub padding_packets_out: u64,
    /// Times that a picture was no longer sent because a subscriber's path does not carry it.
    pub pauses: u64,
    /// Times that a picture was no longer sent because the thread had too much to do.
    pub pictures_shed: u64,
    /// Times that pictures were left out because what had been sent before them waited for too long in a stream.
    pub pictures_too_late: u64,
    /// Times that a subscriber was sent another layer of a track than before.
    pub layer_switches: u64,
    /// Packets that were asked for by subscribers and were no longer there, or over budget.
    pub packets_not_retransmitted: u64,
    /// Packets that publishers were asked to send again.
    pub nacks_out: u64,
    /// Times that a publisher was told to send no more than its path to us carries.
    pub publishers_limited: u64,
    /// Times that it was decided anew which tracks somebody receives, and over which slots.
    pub assignments: u64,
    /// Packets that subscribers asked for.
    pub nacks_in: u64,
    /// Key frames that subscribers asked for, PLI and FIR.
    pub key_frame_requests_in: u64,
    /// Key frames that publishers were asked for.
    pub key_frame_requests_out: u64,
    /// RTCP packets (not datagrams) from clients.
    pub rtcp_in: u64,
    /// Bandwidth feedback from subscribers: transport-wide feedback and REMB.
    pub bandwidth_feedback_in: u64,
    /// Joins that were answered.
    pub joins: u64,
    /// Joins and later offers that were refused.
    pub joins_refused: u64,
}
