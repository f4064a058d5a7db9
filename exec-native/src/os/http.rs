//! Questions to registries: a GET with a limit on its time and its answer.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use plan_core::persona::skills::upstream::{Answer, Question};
use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig, TlsProvider};

/// How much of an answer is read.
const BODY_BYTES: u64 = 4 << 20;

/// Asks a question; any status is an answer.
///
/// # Errors
/// The registry cannot be reached in time, or its answer is no text.
pub fn ask(question: &Question, limit: Duration) -> io::Result<Answer> {
    let tls = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        // The certificates that the user's machine trusts, its company's among them.
        .root_certs(RootCerts::PlatformVerifier)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build();
    let config = Agent::config_builder()
        .timeout_global(Some(limit))
        .http_status_as_error(false)
        .tls_config(tls)
        .build();
    let mut request = Agent::new_with_config(config).get(&question.url);
    for (name, text) in &question.headers {
        request = request.header(*name, text);
    }
    let mut response = request.call().map_err(io::Error::other)?;
    let status = response.status().as_u16();
    let body = response.body_mut().with_config().limit(BODY_BYTES);
    let body = body.read_to_string().map_err(io::Error::other)?;
    Ok(Answer { status, body })
}
