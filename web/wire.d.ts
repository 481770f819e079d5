// What browser and server say to each other. Made from crates/wire; do not edit.
// UPDATE_GOLDEN=1 cargo test -p parlor-wire

/**
 * One participant's membership of one room: `"p7"`.
 */
export type PeerId = string;

/**
 * One audio or video stream that a peer publishes: `"t21"`.
 */
export type TrackId = string;

/**
 * Where a track's media comes from.
 */
export type Source = "microphone" | "camera" | "screen" | "screen_audio" | "custom";

/**
 * Sound or pictures.
 */
export type Kind = "audio" | "video";

/**
 * The payload of `phx_join`.
 */
export type Join = { 
/**
 * Must be `"parlor"`.
 */
protocol: "parlor", 
/**
 * Must be 1.
 */
version: number, 
/**
 * What others see, 1 to 64 characters after trimming.
 */
name: string, 
/**
 * An SDP offer; left out when a lost socket resumes with media still up.
 */
offer?: string, 
/**
 * One for each `sendonly` section of the offer; left out when there is no offer.
 */
senders?: Array<Sender>, 
/**
 * The token of an earlier reply, to be the same peer again.
 */
resume?: string, };

/**
 * One `sendonly` section of an offer.
 */
export type Sender = { 
/**
 * The section's mid.
 */
mid: string, 
/**
 * What it carries.
 */
source: Source, 
/**
 * Needed when the source is `custom`; of the others it is known.
 */
kind?: Kind, 
/**
 * Whether media flows now.
 */
on: boolean, };

/**
 * The payload of `track`: an own track switched on or off.
 */
export type SwitchTrack = { 
/**
 * Which one.
 */
track: TrackId, 
/**
 * Whether media flows now.
 */
on: boolean, };

/**
 * The payload of `view`: every video track shown now. Replaces the last one.
 */
export type View = { 
/**
 * The tracks on the page.
 */
tracks: Array<ViewedTrack>, };

/**
 * One video track on the page.
 */
export type ViewedTrack = { 
/**
 * Which one.
 */
track: TrackId, 
/**
 * Its width there, in device pixels.
 */
width: number, 
/**
 * Its height there, in device pixels.
 */
height: number, 
/**
 * 0 is normal, 1 is pinned.
 */
priority?: number, };

/**
 * The payload of `offer`: a bigger offer, or one with fresh ICE credentials.
 */
export type Offer = { 
/**
 * The SDP offer.
 */
offer: string, 
/**
 * One for each `sendonly` section.
 */
senders: Array<Sender>, };

/**
 * The payload of `report`: what went wrong with what others sent, since the last report.
 */
export type Report = { 
/**
 * Times that a picture stood still although it should have moved.
 */
freezes: number, 
/**
 * How long they stood, all together, in milliseconds.
 */
frozen_ms: number, };

/**
 * A response with nothing to say: done.
 */
export type Empty = Record<string, never>;

/**
 * The response to `phx_join`.
 */
export type Joined = { 
/**
 * Own id.
 */
peer: PeerId, 
/**
 * Makes a later join this same peer; keep it secret.
 */
resume: string, 
/**
 * SDP, or null when the join resumed without an offer.
 */
answer: string | null, 
/**
 * Own tracks.
 */
tracks: Array<OwnTrack>, 
/**
 * The other peers, at most 50; the rest follow at once as `presence`.
 */
peers: Array<Peer>, 
/**
 * How many others there are.
 */
peers_total: number, 
/**
 * Every receive section.
 */
slots: Array<Slot>, 
/**
 * Ways to the server's TURN, for an `RTCConfiguration`; needed where the answer's candidates cannot be
 * reached.
 */
ice_servers?: Array<IceServer>, };

/**
 * An `RTCIceServer`.
 */
export type IceServer = { 
/**
 * The ways, the most direct first.
 */
urls: Array<string>, 
/**
 * Good for a day.
 */
username: string, 
/**
 * What goes with it.
 */
credential: string, };

/**
 * The response to `offer`.
 */
export type Negotiated = { 
/**
 * SDP.
 */
answer: string, 
/**
 * Own tracks.
 */
tracks: Array<OwnTrack>, 
/**
 * Every receive section.
 */
slots: Array<Slot>, };

/**
 * One participant.
 */
export type Peer = { 
/**
 * Who.
 */
id: PeerId, 
/**
 * What others see.
 */
name: string, 
/**
 * How the connection is.
 */
state: PeerState, 
/**
 * What is published.
 */
tracks: Array<Track>, };

/**
 * How a peer's connection is.
 */
export type PeerState = "connecting" | "connected" | "reconnecting";

/**
 * A track as others see it.
 */
export type Track = { 
/**
 * Which one.
 */
id: TrackId, 
/**
 * What it carries.
 */
source: Source, 
/**
 * Sound or pictures.
 */
kind: Kind, 
/**
 * Whether media flows now.
 */
on: boolean, };

/**
 * A track as its owner sees it.
 */
export type OwnTrack = { 
/**
 * Which one.
 */
id: TrackId, 
/**
 * What it carries.
 */
source: Source, 
/**
 * Sound or pictures.
 */
kind: Kind, 
/**
 * Whether media flows now.
 */
on: boolean, 
/**
 * The section of the own offer that it comes from.
 */
mid: string, };

/**
 * One receive section of a connection, and what it carries.
 */
export type Slot = { 
/**
 * The section.
 */
mid: string, 
/**
 * Sound or pictures.
 */
kind: Kind, 
/**
 * The track it carries now, or null.
 */
track: TrackId | null, };

/**
 * The payload of `presence`: people and their tracks changed.
 *
 * It goes to everybody alike, so a client finds itself in it, and may be told again what its
 * join reply said: each entry replaces what was known of that peer.
 */
export type Presence = { 
/**
 * Peers who came.
 */
joined: Array<Peer>, 
/**
 * Peers of whom something changed, each whole and anew.
 */
changed: Array<Peer>, 
/**
 * Peers who are gone.
 */
left: Array<Left>, };

/**
 * One peer who is gone.
 */
export type Left = { 
/**
 * Who.
 */
id: PeerId, 
/**
 * Why.
 */
reason: LeaveReason, };

/**
 * Why a peer is gone.
 */
export type LeaveReason = "left" | "lost" | "removed";

/**
 * The payload of `slots`: slots that carry another track now; the others keep theirs.
 */
export type Slots = { 
/**
 * The changed ones.
 */
slots: Array<Slot>, };

/**
 * The payload of `more_slots`: please offer at least this many receive sections of each kind.
 */
export type MoreSlots = { 
/**
 * Receive sections for sound.
 */
audio: number, 
/**
 * Receive sections for pictures.
 */
video: number, };

/**
 * The payload of `speakers`: who is speaking, complete.
 */
export type Speakers = { 
/**
 * The peers who speak now.
 */
speaking: Array<PeerId>, 
/**
 * Who has the floor, in silence too, until another takes it; null when nobody has.
 */
dominant: PeerId | null, };

/**
 * The payload of `wanted`: which encodings of one's own video tracks somebody has a use for.
 */
export type Wanted = { 
/**
 * All own video tracks.
 */
tracks: Array<WantedTrack>, };

/**
 * Which encodings of one track somebody has a use for, and in which codec; the others need not be sent.
 */
export type WantedTrack = { 
/**
 * Which track.
 */
track: TrackId, 
/**
 * The rids of the encodings, or `""` for one that has none. Empty when nobody watches.
 */
layers: Array<string>, 
/**
 * How many spatial layers of them are enough, from the lowest, when there are more: pictures half as large each time;
 * null when all are of use.
 */
spatial_layers: number | null, 
/**
 * The payload type of the own offer to send them as, since not all who show the track can decode what
 * was sent; null leaves the codec to the publisher.
 */
payload_type: number | null, };

/**
 * The payload of `quality`: what one gets of others, and why. Complete.
 */
export type Quality = { 
/**
 * The way from the server in a word.
 */
network: Network, 
/**
 * What it is taken to carry, in bits per second; null while nothing is known.
 */
estimate_bps: number | null, 
/**
 * Every video track of others that a slot carries, and those without whose codec one has no decoder for.
 */
tracks: Array<TrackQuality>, };

/**
 * A network in a word.
 */
export type Network = "unknown" | "poor" | "fair" | "good";

/**
 * What one gets of a track.
 */
export type TrackQuality = { 
/**
 * Which track.
 */
track: TrackId, 
/**
 * Whether there is a picture.
 */
state: TrackState, 
/**
 * Why there is none, or null when there is one.
 */
reason: PauseReason | null, 
/**
 * The rid of its encoding, `""` for one that has none, or null when there is no picture.
 */
layer: string | null, 
/**
 * The highest spatial layer of that.
 */
spatial: number, 
/**
 * The highest temporal layer of that.
 */
temporal: number, 
/**
 * How wide it is, once that is known.
 */
width: number | null, 
/**
 * How high it is, once that is known.
 */
height: number | null, 
/**
 * Pictures a second, once they are measured.
 */
frames_per_second: number | null, };

/**
 * Whether one gets a picture of a track.
 */
export type TrackState = "live" | "paused";

/**
 * Why one gets no picture of a track.
 */
export type PauseReason = "bandwidth" | "not_shown" | "publisher_off" | "codec_not_supported" | "server_busy";

/**
 * The payload of `ended`: the membership is over; `phx_close` follows.
 */
export type Ended = { 
/**
 * For programs.
 */
reason: Reason, 
/**
 * For people.
 */
message: string, };

/**
 * A refusal: a reason for programs and a sentence for people.
 */
export type Refusal = { 
/**
 * For programs.
 */
reason: Reason, 
/**
 * For people.
 */
message: string, 
/**
 * When trying again can help, how long to wait first, in milliseconds.
 */
retry_after_ms?: number, };

/**
 * Every reason for a refusal or for the end of a membership.
 */
export type Reason = "bad_request" | "bad_room_id" | "bad_name" | "unsupported_protocol" | "bad_offer" | "room_full" | "server_full" | "server_busy" | "resume_unknown" | "unknown_track" | "too_many_requests" | "too many channels joined" | "media_failed" | "server_stopping" | "replaced" | "connection_failed" | "unmatched topic" | "unknown_event";
