//! `token`: makes a token of the HTTP API, and the lines by which a server knows it.
//!
//! The token is printed once and kept nowhere; the configuration gets its hash. It is 256 random
//! bits of the system behind a prefix by which scanners of source code find leaked ones.

use anyhow::anyhow;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::{Args, Subcommand};
use serde::Serialize;

use super::exit::{Outcome, Usage};
use super::session::Session;
use crate::config::TokenHash;
use crate::model::name::{CameraId, Tenant};

/// What `help token` shows below its options.
pub(super) const EXAMPLES: &str = "\
Examples:
  framecache token new --name wall                           may see every tenant
  framecache token new --name shop-wall --tenant shop        may see one tenant
  framecache token new --name gate --tenant shop --write     may also push, delete, control";

/// What every token starts with.
const PREFIX: &str = "fc_";

/// Options of `token`.
#[derive(Debug, Args)]
pub(super) struct TokenArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a token and print it once, with the entry for the configuration of the server
    New {
        /// Who holds it, for the server's log; else a name that is free with near certainty.
        #[arg(long)]
        name: Option<String>,
        /// Let it push, delete and control cameras; else it may only read.
        #[arg(long)]
        write: bool,
    },
}

/// A new token and its entry, as one JSON object.
#[derive(Debug, Serialize)]
struct New {
    token: String,
    name: String,
    hash: String,
    tenant: String,
    access: &'static str,
}

/// Runs the verb.
pub(super) fn run(session: &Session, args: TokenArgs) -> anyhow::Result<Outcome> {
    let Action::New { name, write } = args.action;
    let random = |bytes: &mut [u8]| {
        getrandom::fill(bytes).map_err(|error| anyhow!("the system gives no random bytes: {error}"))
    };
    let (mut secret, mut tail) = ([0; 32], [0; 4]);
    random(&mut secret)?;
    random(&mut tail)?;
    let name = name.unwrap_or_else(|| format!("token-{:08x}", u32::from_be_bytes(tail)));
    CameraId::new(&name).map_err(|_| {
        let fits = "1 to 64 letters, digits, '.', '_' or '-', not starting with '.' or '-'";
        Usage(format!("--name {name:?} does not fit: write {fits}"))
    })?;
    let tenant = match session.globals.tenant.as_deref() {
        None | Some("*") => "*".to_owned(),
        Some(tenant) => Tenant::new(tenant)?.to_string(),
    };
    let token = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(secret));
    let hash = TokenHash::of(&token).to_string();
    let access = if write { "write" } else { "read" };
    let new = New { token, name, hash, tenant, access };
    session.print.either(&new, described(&new))?;
    session.print.note("the token is shown only now: give it to whoever is to use it");
    Ok(Outcome::Done)
}

/// A line with the token, and below it lines of TOML as they can be pasted.
fn described(new: &New) -> String {
    let New { token, name, hash, tenant, access } = new;
    format!(
        "# token: {token}\n[[tokens]]\nname = {name:?}\nhash = {hash:?}\ntenant = {tenant:?}\naccess = {access:?}"
    )
}
