//! What every request and socket may use.

use std::sync::Arc;

use parlor_media::MediaHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::dialect::membrane::former::Formers;
use crate::http::whip::Resources;
use crate::ice_servers::IceServers;
use crate::metrics::Metrics;
use crate::pool::Pool;
use crate::rate::AddressRates;
use crate::room::Rooms;
use crate::tls::Certificates;

/// What every request and socket may use. Cheap to clone.
#[derive(Clone, Debug)]
pub struct App {
    /// The rooms.
    pub rooms: Rooms,
    /// Who has been in them by Membrane's dialect.
    pub formers: Formers,
    /// The sessions of WHIP and WHEP.
    pub resources: Resources,
    /// How often each address may ask for one.
    pub arrivals: AddressRates,
    /// The media threads.
    pub media: MediaHandle,
    /// Where clients find TURN.
    pub ice_servers: IceServers,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Origins of foreign pages that may open sockets.
    pub origins: Arc<[String]>,
    /// Whether this server encrypts by itself.
    pub encrypted: bool,
    /// What it encrypts with, if it does: this says whether browsers are told to come by https only.
    pub certificates: Option<Arc<Certificates>>,
    /// Cancelled when sockets are to close, after the rooms have said goodbye.
    pub sockets_stop: CancellationToken,
    /// Every open socket.
    pub sockets: TaskTracker,
    /// Room for more of them: each holds a share for as long as it lives.
    pub sockets_room: Pool,
    /// What all sockets together may hold of frames, in bytes.
    pub memory: Pool,
}
