//! The ICE and DTLS facts of an offer: the same for all its sections, since they share a bundle.

use super::attribute::Setup;
use super::error::SdpError;
use super::offer::{Common, Located, Offer, OfferedSection};
use crate::dtls::{Fingerprint, Role};
use crate::ice::Credentials;

/// What the client says about the one transport of the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RemoteTransport {
    pub(super) ice: Credentials,
    pub(super) fingerprint: Located<Fingerprint>,
    pub(super) role: Role,
}

/// The transport that `section` names, which all sections of the bundle share (RFC 9143
/// section 7.1.1); what it does not say itself, the session part says.
pub(super) fn transport(
    offer: &Offer,
    section: &OfferedSection,
) -> Result<RemoteTransport, SdpError> {
    let missing = |what: &str| {
        SdpError::new(section.line, format!("expected {what} in the section that begins here"))
    };
    let (own, session) = (&section.common, &offer.session);
    if let Some(line) = own.ice_lite.or(session.ice_lite) {
        let what =
            "the server is an ICE-lite agent, so the client cannot be one: expected no a=ice-lite";
        return Err(SdpError::new(line, what));
    }
    if !section.rtcp_mux {
        return Err(missing("a=rtcp-mux"));
    }
    let role = role(own, session)?;
    let ufrag = own.ice_ufrag.as_ref().or(session.ice_ufrag.as_ref());
    let ufrag = ufrag.ok_or_else(|| missing("a=ice-ufrag"))?;
    let password = own.ice_pwd.as_ref().or(session.ice_pwd.as_ref());
    let password = password.ok_or_else(|| missing("a=ice-pwd"))?;
    let fingerprint = own.fingerprint.or(session.fingerprint);
    let fingerprint = fingerprint.ok_or_else(|| missing("a=fingerprint:sha-256"))?;
    let ice = Credentials::new(&ufrag.value, &password.value)
        .map_err(|error| SdpError::new(ufrag.line, error.to_string()))?;
    Ok(RemoteTransport { ice, fingerprint, role })
}

/// Who begins the DTLS handshake (RFC 8842 section 5.3): the client, unless it waits for us. Without the attribute it
/// begins: RFC 4145 section 4 makes `active` the default of an offer.
fn role(own: &Common, session: &Common) -> Result<Role, SdpError> {
    match own.setup.or(session.setup) {
        None | Some(Located { value: Setup::ActPass | Setup::Active, .. }) => Ok(Role::Server),
        Some(Located { value: Setup::Passive, .. }) => Ok(Role::Client),
        Some(Located { line, value: Setup::HoldConn }) => {
            let what = "the DTLS handshake begins at once: expected a=setup:actpass";
            Err(SdpError::new(line, what))
        }
    }
}
