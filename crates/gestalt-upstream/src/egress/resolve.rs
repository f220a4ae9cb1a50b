//! Names to addresses.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

/// Answers a name with addresses, for tests of what a hostile name server can do.
pub type FixedAnswers = dyn Fn(&str) -> Vec<IpAddr> + Send + Sync;

/// Who turns names into addresses. The address guard applies to both alike.
#[derive(Clone, Default)]
pub enum Resolver {
    /// The operating system.
    #[default]
    System,
    /// A function, for tests.
    Fixed(Arc<FixedAnswers>),
}

impl Resolver {
    /// Every address of a name.
    pub(crate) async fn addresses(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        match self {
            Self::System => {
                let found = tokio::net::lookup_host((name, 0)).await?;
                Ok(found.map(|address| address.ip()).collect())
            }
            Self::Fixed(answers) => Ok(answers(name)),
        }
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::System => "System",
            Self::Fixed(_) => "Fixed",
        })
    }
}
