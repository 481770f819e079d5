//! The template structures that the dependency descriptors of one layer lean on.

use parlor_rtc::payload::{FrameDependencies, Layer, Structure};

use super::{Facts, Told};

/// What is remembered of one stream: the newest structure, and the one before it for packets that
/// come late.
#[derive(Debug, Default)]
pub(super) struct Structures {
    newest: Option<Known>,
    before: Option<Known>,
}

#[derive(Debug)]
struct Known {
    /// The sequence number of the packet that brought it.
    from: u64,
    structure: Structure,
}

impl Structures {
    /// What `facts` become with what the descriptor of the packet says. One that cannot be understood,
    /// because it is broken or its structure has been lost, says nothing.
    pub(super) fn understand(&mut self, facts: Facts, descriptor: &[u8]) -> Facts {
        let mut understood = facts;
        let dependencies = &mut understood.dependencies;
        if let Ok(Some(structure)) = Structure::read(descriptor) {
            dependencies.template_ids = Some(structure.template_ids());
            self.note(facts.sequence, structure);
        }
        let Some(structure) = self.of(facts.sequence) else { return understood };
        let Ok(frame) = FrameDependencies::read(descriptor, structure) else { return understood };
        dependencies.ends_frame = frame.descriptor.ends_frame;
        dependencies.told = Some(Told { all: structure.layers(), switches: frame.switches });
        let FrameDependencies { spatial, temporal, .. } = frame;
        understood.layer = Layer { spatial, temporal, ..facts.layer };
        understood
    }

    /// What the descriptor of a packet leans on.
    pub(super) fn of(&self, sequence: u64) -> Option<&Structure> {
        let known = [&self.newest, &self.before].into_iter().flatten();
        known.into_iter().find(|known| known.from <= sequence).map(|known| &known.structure)
    }

    fn note(&mut self, from: u64, structure: Structure) {
        match &self.newest {
            // Key frames mostly repeat what there was.
            Some(newest) if newest.structure == structure && newest.from <= from => {}
            Some(newest) if from < newest.from => self.before = Some(Known { from, structure }),
            _ => self.before = self.newest.replace(Known { from, structure }),
        }
    }
}
