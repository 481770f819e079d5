//! From a request to its answer: who asks, and how it is said that they may or may not.

use aws_lc_rs::hmac;

use super::client::{Client, Outlet};
use super::message::{Message, Proof};
use super::server::{DropReason, Handled, Server, Time};
use crate::stun::{Class, ErrorCode, MessageWriter, Method, attribute};

/// A request, when it came and from whom.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) time: Time,
    pub(super) client: Client,
    pub(super) method: Method,
    pub(super) message: &'a Message<'a>,
}

/// Who sent a request.
pub(super) struct Asker<'a> {
    pub(super) username: &'a [u8],
    /// What the request is signed with, and the answer will be.
    pub(super) key: hmac::Key,
}

impl Asked<'_> {
    /// A success answer without attributes.
    pub(super) fn success(&self) -> MessageWriter {
        MessageWriter::of_method(self.method, Class::Success, self.message.transaction)
    }

    fn error(&self, code: ErrorCode) -> MessageWriter {
        MessageWriter::of_method(self.method, Class::Error, self.message.transaction).error(code)
    }

    fn refuse(&self, code: ErrorCode, key: Option<&hmac::Key>, out: &mut impl Outlet) -> Handled {
        let mut answer = self.error(code);
        if code == ErrorCode::UnknownAttribute {
            answer = answer.unknown_attributes(&self.message.unknown);
        }
        if let Some(key) = key {
            answer = answer.integrity(key);
        }
        self.send(answer, out);
        Handled::Refused(code)
    }

    /// Ends an answer as its request ends: a client that shares its port with other protocols, and so wants
    /// a FINGERPRINT, has sent one (RFC 8489 section 7).
    fn send(&self, mut answer: MessageWriter, out: &mut impl Outlet) {
        let bytes = if self.message.fingerprint {
            answer.finish()
        } else {
            answer.finish_without_fingerprint()
        };
        if let Some(bytes) = bytes {
            out.send(self.client, bytes);
        }
    }
}

impl Server {
    /// A plain STUN client asks which address it has (RFC 8489 section 12).
    pub(super) fn handle_binding(&mut self, asked: Asked<'_>, out: &mut impl Outlet) -> Handled {
        if asked.message.is_of_ice() {
            return Handled::Dropped(DropReason::Unexpected);
        }
        if !asked.message.unknown.types().is_empty() {
            return asked.refuse(ErrorCode::UnknownAttribute, None, out);
        }
        self.statistics.bindings += 1;
        asked.send(asked.success().xor_mapped_address(asked.client.remote()), out);
        Handled::Answered
    }

    /// A request of TURN, all of which are authenticated (RFC 8656 section 5).
    pub(super) fn handle_request(&mut self, asked: Asked<'_>, out: &mut impl Outlet) -> Handled {
        let Some(proof) = asked.message.proof() else {
            self.challenge(asked, ErrorCode::Unauthorized, out);
            return Handled::Challenged;
        };
        let asker = match self.authenticate(asked, &proof) {
            Ok(asker) => asker,
            Err(code @ (ErrorCode::Unauthorized | ErrorCode::StaleNonce)) => {
                self.challenge(asked, code, out);
                return Handled::Refused(code);
            }
            Err(code) => return asked.refuse(code, None, out),
        };
        match self.carry_out(asked, &asker) {
            Ok(answer) => {
                asked.send(answer.integrity(&asker.key), out);
                Handled::Answered
            }
            Err(code) => asked.refuse(code, Some(&asker.key), out),
        }
    }

    /// Who sent a request (RFC 8489 section 9.2.4). The key of an allocation is good as long as that is, even
    /// if the credentials are over: a call may last longer than these.
    fn authenticate<'a>(
        &self,
        Asked { time, client, message, .. }: Asked<'_>,
        proof: &Proof<'a>,
    ) -> Result<Asker<'a>, ErrorCode> {
        let (Some(username), Some(_), Some(nonce)) = (proof.username, proof.realm, proof.nonce)
        else {
            return Err(ErrorCode::BadRequest);
        };
        if !self.nonces.is_good(nonce, time.unix_seconds, client) {
            return Err(ErrorCode::StaleNonce);
        }
        let grant = self.table.of_client(time.now, client).map(|allocation| &allocation.grant);
        let key = match grant.filter(|grant| *grant.username == *username) {
            Some(grant) => Some(grant.key.clone()),
            None => self.logins.key_of(username, time.unix_seconds),
        };
        let key = key.filter(|key| message.is_by(proof, key)).ok_or(ErrorCode::Unauthorized)?;
        Ok(Asker { username, key })
    }

    /// Refuses with what a client needs to try again: the realm, and a nonce that is good.
    fn challenge(&self, asked: Asked<'_>, code: ErrorCode, out: &mut impl Outlet) {
        let nonce = self.nonces.issue(asked.time.unix_seconds, asked.client);
        let answer = asked
            .error(code)
            .raw(attribute::REALM, self.logins.realm().as_bytes())
            .raw(attribute::NONCE, nonce.as_bytes());
        asked.send(answer, out);
    }
}
