//! What every command starts from: the global options, the settings they lead to, and a client made of both.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use api::client::Client;
use url::{Host, Url};

use crate::cli::Global;
use crate::config::environment::variable;
use crate::config::{self, Loaded, Sources};
use crate::failure::Usage;
use crate::identity::{self, Persona};
use crate::output::Output;

/// What every command starts from.
#[derive(Debug)]
pub(crate) struct Context {
    /// The global options.
    pub global: Global,
    /// Where results go.
    pub output: Output,
}

impl Context {
    /// Loads the settings.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub(crate) fn settings(&self) -> Result<Loaded> {
        self.settings_with(Vec::new())
    }

    /// Loads the settings under further flags of one command.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub(crate) fn settings_with(
        &self,
        mut flags: Vec<(&'static str, &'static str, String)>,
    ) -> Result<Loaded> {
        if let Some(data_dir) = &self.global.data_dir {
            let data_dir = data_dir
                .to_str()
                .context("--data-dir is not text in UTF-8")?;
            flags.push(("--data-dir", "data_dir", data_dir.to_owned()));
        }
        let file = self.global.config.clone();
        let file = file.or_else(|| variable("OMNIHUB_CONFIG").map(PathBuf::from));
        let sources = Sources::of_process(file, flags).context("the working folder is gone")?;
        Ok(config::load(&sources)?)
    }

    /// A client of the server that the options name, acting as they say.
    ///
    /// # Errors
    /// The settings are wrong, or there is neither a token nor an issuer to mint one.
    pub(crate) fn client(&self) -> Result<Client> {
        let token = match self.token_given()? {
            Some(token) => Some(token),
            None => {
                self.check_mints()?;
                self.minted_token()?
            }
        };
        Ok(Client::new(&self.address()?, token.as_deref())?)
    }

    fn address(&self) -> Result<String> {
        if let Some(url) = self.url_given() {
            return Ok(url);
        }
        let api = self.settings()?.settings.api;
        // A listener on every address is reached on this machine by loopback.
        let host = match api.host.as_str() {
            "0.0.0.0" => "127.0.0.1",
            "::" => "::1",
            host => host,
        };
        let host = if host.contains(':') {
            format!("[{host}]")
        } else {
            host.to_owned()
        };
        Ok(format!("http://{host}:{}", api.port))
    }

    fn url_given(&self) -> Option<String> {
        let flag = self.global.url.clone();
        flag.or_else(|| variable("OMNIHUB_URL"))
    }

    fn token_given(&self) -> Result<Option<String>> {
        if self.global.persona.is_some() {
            return Ok(None);
        }
        let given = self.global.token.clone();
        let given = given.or_else(|| variable("OMNIHUB_TOKEN"));
        if let Some(token) = given.filter(|token| !token.trim().is_empty()) {
            return Ok(Some(token.trim().to_owned()));
        }
        let Some(path) = variable("OMNIHUB_TOKEN_FILE") else {
            return Ok(None);
        };
        let token =
            std::fs::read_to_string(&path).with_context(|| format!("OMNIHUB_TOKEN_FILE {path}"))?;
        Ok(Some(token.trim().to_owned()))
    }

    /// Refuses to mint for a server on another machine: whoever answers there could act by the token here.
    fn check_mints(&self) -> Result<()> {
        let Some(given) = self.url_given() else {
            return Ok(());
        };
        // What is no address is refused by the client.
        let Ok(url) = Url::parse(&given) else {
            return Ok(());
        };
        if is_loopback(&url) {
            return Ok(());
        }
        Err(Usage(format!(
            "{given} is not this machine, and a token of the data directory's development issuer is minted for no other: \
             give one by --token or OMNIHUB_TOKEN"
        ))
        .into())
    }

    /// A short token for the persona; `None`: there is no development issuer at hand.
    fn minted_token(&self) -> Result<Option<String>> {
        let persona = match &self.global.persona {
            Some(persona) => persona.clone(),
            None => Persona::local_user().map_err(anyhow::Error::msg)?,
        };
        let loaded = self.settings()?;
        identity::short_token(
            &loaded.settings.data_dir,
            &persona,
            self.global.persona.is_some(),
        )
    }
}

/// Whether an address leads to this machine without asking a name service; `localhost` does by RFC 6761 §6.3.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            name == "localhost" || name.ends_with(".localhost")
        }
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.to_canonical().is_loopback(),
        None => false,
    }
}
