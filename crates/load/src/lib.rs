//! People by the thousand for a Parlor server: what it costs, how late it is, what it loses.
//!
//! [`run::run`] lets a [`crowd`] join. Threads of their own do that ([`channel`]); then each person is a value
//! ([`person`]) that one of the [`worker`]s carries: its [`connection`], what it sends ([`source`]) and what it checks and
//! answers ([`receiver`]), over a [`transport`].

pub mod alarm;
pub mod channel;
pub mod codec;
pub mod connection;
pub mod crowd;
pub mod frames;
pub mod handshake;
pub mod offer;
pub mod options;
pub mod outbox;
pub mod person;
pub mod pictures;
pub mod process;
pub mod receiver;
pub mod report;
pub mod run;
pub mod source;
pub mod stamp;
pub mod stream;
pub mod tally;
pub mod transport;
pub mod worker;
