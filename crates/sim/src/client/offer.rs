//! What a simulated browser offers, sections to send and to receive on, and what it answers.

use std::time::Instant;

use str0m::change::{SdpAnswer, SdpApi, SdpOffer};
use str0m::media::{Direction, MediaKind, Mid};

use super::Client;
use crate::sender::{Sender, simulcast_sender};

impl Client {
    /// Makes an offer with these sections more than before: senders by kind, then pairs of receive sections.
    ///
    /// # Panics
    /// If there is nothing to offer.
    pub fn offer(&mut self, now: Instant, senders: &[MediaKind], slot_pairs: usize) -> String {
        let mut changes = self.rtc.sdp_api();
        let mut mids = Vec::new();
        for &kind in senders {
            mids.push((kind, changes.add_media(kind, Direction::SendOnly, None, None, None)));
        }
        add_slots(&mut changes, slot_pairs, &mut self.slots);
        let (offer, pending) = changes.apply().expect("new sections need an offer");
        self.pending = Some(pending);
        self.senders.extend(mids.into_iter().map(|(kind, mid)| Sender::new(mid, kind, now)));
        offer.to_sdp_string()
    }

    /// Makes an offer with one more section, that sends pictures in these encodings, the lowest first.
    ///
    /// # Panics
    /// If there is no encoding.
    pub fn offer_simulcast(&mut self, now: Instant, rids: &[&str]) -> String {
        let mut changes = self.rtc.sdp_api();
        let sender = simulcast_sender(&mut changes, now, rids);
        let (offer, pending) = changes.apply().expect("new sections need an offer");
        self.pending = Some(pending);
        self.senders.push(sender);
        offer.to_sdp_string()
    }

    /// Makes an offer of a microphone, of a camera in these encodings, the lowest first, and of pairs of receive
    /// sections.
    ///
    /// # Panics
    /// If there is no encoding.
    pub fn offer_camera(&mut self, now: Instant, rids: &[&str], slot_pairs: usize) -> String {
        let mut changes = self.rtc.sdp_api();
        let audio = MediaKind::Audio;
        let microphone = changes.add_media(audio, Direction::SendOnly, None, None, None);
        let camera = simulcast_sender(&mut changes, now, rids);
        add_slots(&mut changes, slot_pairs, &mut self.slots);
        let (offer, pending) = changes.apply().expect("new sections need an offer");
        self.pending = Some(pending);
        self.senders.extend([Sender::new(microphone, audio, now), camera]);
        offer.to_sdp_string()
    }

    /// Makes an offer that sends no more on the section of one of the senders; those behind it move up.
    ///
    /// # Panics
    /// If there is no such sender.
    pub fn offer_without(&mut self, sender: usize) -> String {
        let Sender { mid, .. } = self.senders.remove(sender);
        let mut changes = self.rtc.sdp_api();
        changes.set_direction(mid, Direction::Inactive);
        let (offer, pending) = changes.apply().expect("another direction needs an offer");
        self.pending = Some(pending);
        offer.to_sdp_string()
    }

    /// Makes an offer with fresh ICE credentials and nothing else new.
    ///
    /// # Panics
    /// If there was no offer before.
    pub fn offer_ice_restart(&mut self) -> String {
        let mut changes = self.rtc.sdp_api();
        changes.ice_restart(true);
        let (offer, pending) = changes.apply().expect("an ICE restart needs an offer");
        self.pending = Some(pending);
        offer.to_sdp_string()
    }

    /// Makes an offer with fresh ICE credentials and more pairs of receive sections, that receives on all those that an
    /// answer has called inactive as well, as browsers do whose page has not stopped them.
    ///
    /// # Panics
    /// If there was no offer before.
    pub fn offer_all_slots(&mut self, more_pairs: usize) -> String {
        let mut changes = self.rtc.sdp_api();
        for (mid, _) in &self.slots {
            changes.set_direction(*mid, Direction::RecvOnly);
        }
        add_slots(&mut changes, more_pairs, &mut self.slots);
        changes.ice_restart(true);
        let (offer, pending) = changes.apply().expect("an ICE restart needs an offer");
        self.pending = Some(pending);
        offer.to_sdp_string()
    }

    /// Answers an offer of the server, taking all of it that it can.
    ///
    /// # Errors
    /// What str0m finds wrong with it.
    pub fn answer(&mut self, offer: &str) -> Result<String, String> {
        let offer = SdpOffer::from_sdp_string(offer).map_err(|error| error.to_string())?;
        let answer = self.rtc.sdp_api().accept_offer(offer).map_err(|error| error.to_string())?;
        Ok(answer.to_sdp_string())
    }

    /// Takes the server's answer to the last offer.
    ///
    /// # Errors
    /// What str0m finds wrong with it.
    pub fn accept(&mut self, answer: &str) -> Result<(), String> {
        let answer = SdpAnswer::from_sdp_string(answer).map_err(|error| error.to_string())?;
        let pending = self.pending.take().ok_or("no offer is waiting for an answer")?;
        self.rtc.sdp_api().accept_answer(pending, answer).map_err(|error| error.to_string())
    }

    /// Its receive sections, in the order of the offer.
    pub fn slots(&self) -> &[(Mid, MediaKind)] {
        &self.slots
    }
}

/// Adds pairs of receive sections.
fn add_slots(changes: &mut SdpApi<'_>, pairs: usize, slots: &mut Vec<(Mid, MediaKind)>) {
    for _ in 0..pairs {
        for kind in [MediaKind::Audio, MediaKind::Video] {
            slots.push((changes.add_media(kind, Direction::RecvOnly, None, None, None), kind));
        }
    }
}
