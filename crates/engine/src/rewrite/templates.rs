//! Ids of dependency templates: those of one source are never taken for those of the source before it.

use parlor_rtc::payload::TemplateIds;

/// The ids that the newest structure of the outgoing stream has.
#[derive(Debug, Default)]
pub(super) struct Templates {
    newest: Option<TemplateIds>,
}

impl Templates {
    /// What is to be added to the ids of a source that begins: they come behind those before, as
    /// appendix A of the RTP payload format for AV1 asks of structures that differ.
    pub(super) fn begin(&self, source: Option<TemplateIds>) -> u8 {
        let Some((newest, source)) = self.newest.zip(source) else { return 0 };
        newest.first.wrapping_add(newest.count).wrapping_sub(source.first)
    }

    /// A structure goes out.
    pub(super) fn note(&mut self, source: TemplateIds, shift: u8) {
        self.newest = Some(TemplateIds { first: source.first.wrapping_add(shift), ..source });
    }
}
