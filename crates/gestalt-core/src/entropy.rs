//! Randomness, through one door.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Where random bytes come from.
#[derive(Clone, Debug, Default)]
pub enum Entropy {
    /// The operating system's generator.
    #[default]
    System,
    /// A repeatable sequence, for tests only; clones share it.
    Seeded(Arc<AtomicU64>),
}

/// Random bytes of an identifier (RFC 9562 §5.7: 74 bits, rounded up).
const IDENTIFIER: usize = 10;

thread_local! {
    /// Identifiers' random parts in stock, and how many are left.
    static POOL: RefCell<([[u8; IDENTIFIER]; 64], usize)> = const { RefCell::new(([[0; IDENTIFIER]; 64], 0)) };
}

/// The operating system gave no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gave no random bytes")]
pub struct NoEntropy;

impl Entropy {
    /// A repeatable sequence, for tests only.
    pub fn seeded(seed: u64) -> Self {
        Self::Seeded(Arc::new(AtomicU64::new(seed)))
    }

    /// Fills a buffer.
    ///
    /// # Errors
    /// [`NoEntropy`] when the operating system refuses; nothing may be made then.
    pub fn fill(&self, buffer: &mut [u8]) -> Result<(), NoEntropy> {
        match self {
            Self::System => getrandom::fill(buffer).map_err(|_| NoEntropy),
            Self::Seeded(state) => {
                for chunk in buffer.chunks_mut(8) {
                    let word = split_mix(state.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::SeqCst));
                    let bytes = word.to_le_bytes();
                    chunk.copy_from_slice(&bytes[..chunk.len()]);
                }
                Ok(())
            }
        }
    }

    /// Makes the random part of an identifier. Identifiers are made for every request, so
    /// the operating system is asked for many at once, thread by thread.
    ///
    /// # Errors
    /// As [`Entropy::fill`].
    pub(crate) fn identifier(&self) -> Result<[u8; IDENTIFIER], NoEntropy> {
        if let Self::Seeded(_) = self {
            return self.array();
        }
        POOL.with_borrow_mut(|(pool, left)| {
            if *left == 0 {
                self.fill(pool.as_flattened_mut())?;
                *left = pool.len();
            }
            *left -= 1;
            Ok(std::mem::take(&mut pool[*left]))
        })
    }

    /// Makes an array of random bytes.
    ///
    /// # Errors
    /// As [`Entropy::fill`].
    pub fn array<const N: usize>(&self) -> Result<[u8; N], NoEntropy> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }
}

/// One step of SplitMix64 (Steele, Lea and Flood, 2014).
fn split_mix(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_never_given_twice() {
        let drawn: Vec<_> = (0..200)
            .filter_map(|_| Entropy::System.identifier().ok())
            .collect();
        let distinct: std::collections::HashSet<_> = drawn.iter().collect();
        assert_eq!(distinct.len(), 200);
    }

    #[test]
    fn a_seed_repeats_and_the_system_does_not() {
        let first = Entropy::seeded(7).array::<20>().ok();
        assert_eq!(first, Entropy::seeded(7).array::<20>().ok());
        assert_ne!(
            Entropy::System.array::<32>().ok(),
            Entropy::System.array::<32>().ok()
        );
    }
}
