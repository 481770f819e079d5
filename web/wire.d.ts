// The messages of docs/protocol.md, as the JSON carries them.

export type Kind = "audio" | "video";
export type Source = "microphone" | "camera" | "screen" | "screen_audio" | "custom";
export type PeerState = "connecting" | "connected" | "reconnecting";

export interface Sender { mid: string; source: Source; on: boolean }
export interface Join {
  protocol: "parlor"; version: number; name: string;
  offer?: string; senders: Sender[]; resume?: string;
}
export interface Joined {
  peer: string; resume: string; answer: string | null;
  tracks: OwnTrack[]; peers: Peer[]; peers_total: number; slots: Slot[];
}

export interface Track { id: string; source: Source; kind: Kind; on: boolean }
export interface OwnTrack extends Track { mid: string }
export interface Peer { id: string; name: string; state: PeerState; tracks: Track[] }
export interface Slot { mid: string; kind: Kind; track: string | null }

export interface SwitchTrack { track: string; on: boolean }
export interface ViewedTrack { track: string; width: number; height: number; priority: number }
export interface View { tracks: ViewedTrack[] }
export interface Offer { offer: string; senders: Sender[] }
export interface Negotiated { answer: string; tracks: OwnTrack[]; slots: Slot[] }

export interface Left { id: string; reason: string }
export interface Presence { joined: Peer[]; changed: Peer[]; left: Left[] }
export interface Slots { slots: Slot[] }
export interface MoreSlots { audio: number; video: number }
export interface Speakers { speaking: string[] }
export interface Ended { reason: string; message: string }
export interface Refusal { reason: string; message?: string; retry_after_ms?: number }
