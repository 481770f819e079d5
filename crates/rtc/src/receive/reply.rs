//! How long a sender takes to send again what it is asked for, learnt from its replies.

use std::time::Duration;

/// A new reply changes the mean by this part, as a divisor (RFC 6298 section 2.3).
const MEAN_GAIN: u32 = 8;

/// The same for the mean deviation.
const DEVIATION_GAIN: u32 = 4;

/// Nearly no reply takes so many deviations longer than the mean (RFC 6298 section 2.3).
const DEVIATIONS: u32 = 4;

/// What has become of a packet that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// It came this long after the only request for it.
    After(Duration),
    /// So much time has passed since the first of several requests, and it is not known which of them
    /// was answered, if one was.
    Unclear(Duration),
}

/// The replies of one sender over all its streams, smoothed.
///
/// As Karn's rule wants it, only a packet that was asked for once tells how long a reply takes. To get
/// such a sample from a sender that is farther away than thought, whatever is unclear makes
/// later requests wait as long as that took, until the next sample.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReplyTime {
    usual: Option<Usual>,
    unclear: Option<Duration>,
}

#[derive(Clone, Copy, Debug)]
struct Usual {
    mean: Duration,
    deviation: Duration,
}

impl ReplyTime {
    /// Takes note of one reply.
    pub fn note(&mut self, reply: Reply) {
        match reply {
            Reply::Unclear(elapsed) => self.unclear = self.unclear.max(Some(elapsed)),
            Reply::After(sample) => {
                self.unclear = None;
                self.usual = Some(match self.usual {
                    Some(usual) => usual.with(sample),
                    // Without a guess of the deviation: when it is too short, that becomes unclear.
                    None => Usual { mean: sample, deviation: Duration::ZERO },
                });
            }
        }
    }

    /// Within what time a reply is to be expected; `None` before the first one.
    pub fn expected(&self) -> Option<Duration> {
        let usual = self.usual.map(|usual| usual.mean + usual.deviation * DEVIATIONS);
        usual.max(self.unclear)
    }
}

impl Usual {
    fn with(self, sample: Duration) -> Usual {
        let Usual { mean, deviation } = self;
        let off = mean.abs_diff(sample);
        Usual {
            mean: mean - mean / MEAN_GAIN + sample / MEAN_GAIN,
            deviation: deviation - deviation / DEVIATION_GAIN + off / DEVIATION_GAIN,
        }
    }
}
