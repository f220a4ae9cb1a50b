//! What a command works with: settings, streams, and the server with its credential.

use std::path::{Path, PathBuf};

use crate::args::Global;
use crate::base::{self, Base};
use crate::credentials::{Credentials, Stored};
use crate::environment::Environment;
use crate::failure::Failure;
use crate::output::{Format, Output};
use crate::secret::Secret;
use crate::server::Server;
use crate::settings::{self, Settings};
use crate::terminal::Terminal;

/// What a command works with.
#[derive(Debug)]
pub(crate) struct Context {
    /// The person.
    pub(crate) terminal: Terminal,
    /// Where data goes.
    pub(crate) output: Output,
    /// The profile in use.
    pub(crate) profile: String,
    /// All settings.
    pub(crate) settings: Settings,
    url: Option<String>,
    url_is_given: bool,
    token: Option<Secret>,
    folder: Option<PathBuf>,
}

/// Where a credential comes from.
#[derive(Debug)]
pub(crate) enum Origin {
    /// `GESTALT_TOKEN`.
    Environment(Secret),
    /// The credentials file.
    File(Stored),
    /// There is none.
    Nowhere,
}

impl Context {
    /// Puts the flags over the environment over the profile's settings.
    ///
    /// # Errors
    /// When the settings cannot be read.
    pub(crate) fn new(global: &Global, environment: Environment) -> Result<Self, Failure> {
        let terminal = Terminal::new(environment.plain, global.quiet, global.verbose);
        let settings = match &environment.folder {
            Some(folder) => Settings::read(folder)?,
            None => Settings::default(),
        };
        let named = global.profile.clone().or(environment.profile);
        if let Some(name) = &named {
            settings::check_profile(name)?;
        }
        let profile = named
            .or_else(|| settings.profile.clone())
            .unwrap_or_else(|| settings::DEFAULT_PROFILE.to_owned());
        let stored = settings.profiles.get(&profile);
        let asked = if global.json {
            Some(Format::Json)
        } else {
            global.output.or_else(|| stored?.output)
        };
        let given = global.url.clone().or(environment.url);
        Ok(Self {
            terminal,
            output: Output::new(asked, !global.no_headers),
            url_is_given: given.is_some(),
            url: given.or_else(|| stored?.url.clone()),
            profile,
            settings,
            token: environment.token,
            folder: environment.folder,
        })
    }

    /// A flag or the environment names the server, not only the settings.
    pub(crate) fn url_is_given(&self) -> bool {
        self.url_is_given
    }

    /// The server to speak to.
    ///
    /// # Errors
    /// A usage error for what is no URL.
    pub(crate) fn base(&self) -> Result<Base, Failure> {
        Base::parse(self.url.as_deref().unwrap_or(base::DEFAULT))
    }

    /// Where the command line keeps its files.
    ///
    /// # Errors
    /// When there is no home.
    pub(crate) fn folder(&self) -> Result<&Path, Failure> {
        self.folder.as_deref().ok_or_else(|| {
            Failure::general(
                "There is no folder for settings: neither HOME nor XDG_CONFIG_HOME is set.",
                "Set HOME, or use GESTALT_URL and GESTALT_TOKEN only.",
            )
        })
    }

    /// The file of stored tokens.
    ///
    /// # Errors
    /// As [`Context::folder`].
    pub(crate) fn credentials(&self) -> Result<Credentials, Failure> {
        Ok(Credentials::in_folder(self.folder()?))
    }

    /// The credential for a server: the one that the environment names, else the one that
    /// this very server issued.
    ///
    /// # Errors
    /// When the credentials file cannot be used.
    pub(crate) fn credential(&self, base: &Base) -> Result<Origin, Failure> {
        if let Some(token) = &self.token {
            return Ok(Origin::Environment(token.clone()));
        }
        let Some(folder) = &self.folder else {
            return Ok(Origin::Nowhere);
        };
        let stored = Credentials::in_folder(folder).find(base)?;
        Ok(stored.map_or(Origin::Nowhere, Origin::File))
    }

    /// The server, with its credential if there is one.
    ///
    /// # Errors
    /// As [`Context::base`] and [`Context::credential`].
    pub(crate) fn server(&self) -> Result<Server, Failure> {
        let base = self.base()?;
        match self.credential(&base)? {
            Origin::Environment(token) => Server::new(base, Some(&token), self.terminal),
            Origin::File(stored) => Server::new(base, Some(&stored.token), self.terminal),
            Origin::Nowhere => Server::new(base, None, self.terminal),
        }
    }
}
