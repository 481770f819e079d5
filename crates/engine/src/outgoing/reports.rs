//! What receivers report of a slot's stream, and what our own reports say of it.

use parlor_rtc::congestion::Reported;
use parlor_rtc::rtcp::{ReportBlock, SenderInfo};
use parlor_rtc::rtp::NtpTime;

use super::Outgoing;

impl Outgoing {
    /// Whether a report answers another sender report than the one before did.
    pub(crate) fn is_new_answer(&self, report: &ReportBlock) -> bool {
        self.reported.is_none_or(|before| before.last_sr != report.last_sr)
    }

    /// Takes what the receiver reports of the stream: what is new since it last did. At first, all that was sent was
    /// to arrive.
    pub(crate) fn take_report(&mut self, report: &ReportBlock) -> Reported {
        let passed = self
            .reported
            .map(|before| report.highest_sequence.wrapping_sub(before.highest_sequence) as i32);
        if passed.is_some_and(i32::is_negative) {
            return Reported::default(); // it was overtaken
        }
        let expected = passed.map_or(self.packets, i32::unsigned_abs);
        let before = self.reported.replace(*report);
        let lost_before = before.map_or(0, |before| before.cumulative_lost);
        let lost = i64::from(report.cumulative_lost) - i64::from(lost_before);
        Reported { expected, lost: u32::try_from(lost).unwrap_or_default() }
    }

    /// A packet was sent again.
    pub(crate) fn note_repaired(&mut self) {
        self.repaired = self.repaired.saturating_add(1);
    }

    /// How many packets were sent again since this was last asked.
    pub(crate) fn take_repaired(&mut self) -> u32 {
        std::mem::take(&mut self.repaired)
    }

    /// What a sender report says of the stream at `now`, which is `ntp` by our clock; `None` when it
    /// is not known what the publisher's clock shows.
    pub(crate) fn sender_info(
        &self,
        ntp: NtpTime,
        publishers_timestamp: u32,
    ) -> Option<SenderInfo> {
        let rtp_timestamp = self.rewriter.outgoing_timestamp(publishers_timestamp)?;
        Some(SenderInfo { ntp, rtp_timestamp, packets: self.packets, octets: self.octets })
    }
}
