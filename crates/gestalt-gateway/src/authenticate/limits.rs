//! Limits per address: unknown tokens and failed logins.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gestalt_core::Timestamp;
use quick_cache::sync::Cache;

/// Addresses remembered at most; the least used are forgotten first.
const ADDRESSES: usize = 16_384;

/// A budget of failures per address (IPv6: per /64) that refills with time.
#[derive(Debug)]
pub(crate) struct FailureBudget {
    buckets: Cache<IpAddr, Arc<Mutex<Bucket>>>,
    burst: f64,
    per_second: f64,
}

#[derive(Debug)]
struct Bucket {
    left: f64,
    at: Timestamp,
}

impl FailureBudget {
    pub(crate) fn new(burst: u32, per_minute: u32) -> Self {
        Self {
            buckets: Cache::new(ADDRESSES),
            burst: f64::from(burst.max(1)),
            per_second: f64::from(per_minute.max(1)) / 60.0,
        }
    }

    /// How long the address must wait, if its budget is used up. Costs nothing.
    pub(crate) fn exhausted(&self, address: IpAddr, now: Timestamp) -> Option<Duration> {
        let bucket = self.buckets.get(&network(address))?;
        let mut bucket = bucket.lock().unwrap_or_else(PoisonError::into_inner);
        self.refill(&mut bucket, now);
        (bucket.left < 1.0).then(|| Duration::from_secs_f64((1.0 - bucket.left) / self.per_second))
    }

    /// Takes one failure off the address's budget.
    pub(crate) fn spend(&self, address: IpAddr, now: Timestamp) {
        let fresh = || {
            Ok::<_, ()>(Arc::new(Mutex::new(Bucket {
                left: self.burst,
                at: now,
            })))
        };
        let Ok(bucket) = self.buckets.get_or_insert_with(&network(address), fresh) else {
            return;
        };
        let mut bucket = bucket.lock().unwrap_or_else(PoisonError::into_inner);
        self.refill(&mut bucket, now);
        bucket.left = (bucket.left - 1.0).max(0.0);
    }

    fn refill(&self, bucket: &mut Bucket, now: Timestamp) {
        let gained = now.since(bucket.at).as_secs_f64() * self.per_second;
        bucket.left = (bucket.left + gained).min(self.burst);
        bucket.at = bucket.at.max(now);
    }
}

/// Failed logins per address: each failure after the third doubles the wait, up to 15 minutes.
#[derive(Debug)]
pub(crate) struct BackOff {
    failures: Cache<IpAddr, Arc<Mutex<Failures>>>,
}

#[derive(Debug)]
struct Failures {
    count: u32,
    until: Timestamp,
}

impl BackOff {
    const FREE: u32 = 3;
    const LONGEST: Duration = Duration::from_mins(15);

    pub(crate) fn new() -> Self {
        Self {
            failures: Cache::new(ADDRESSES),
        }
    }

    /// How long the address must still wait.
    pub(crate) fn wait(&self, address: IpAddr, now: Timestamp) -> Option<Duration> {
        let entry = self.failures.get(&network(address))?;
        let entry = entry.lock().unwrap_or_else(PoisonError::into_inner);
        (entry.until > now).then(|| entry.until.since(now))
    }

    /// Notes a failure.
    pub(crate) fn failed(&self, address: IpAddr, now: Timestamp) {
        let fresh = || {
            Ok::<_, ()>(Arc::new(Mutex::new(Failures {
                count: 0,
                until: now,
            })))
        };
        let Ok(entry) = self.failures.get_or_insert_with(&network(address), fresh) else {
            return;
        };
        let mut entry = entry.lock().unwrap_or_else(PoisonError::into_inner);
        entry.count = entry.count.saturating_add(1);
        if let Some(doublings) = entry.count.checked_sub(Self::FREE) {
            let wait = Duration::from_secs(1 << doublings.min(10)).min(Self::LONGEST);
            entry.until = now.after(wait);
        }
    }

    /// Forgets the failures of an address that has logged in.
    pub(crate) fn succeeded(&self, address: IpAddr) {
        self.failures.remove(&network(address));
    }
}

/// The network that counts as one client: an IPv4 address, an IPv6 /64.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            v6.to_ipv4_mapped()
                .map_or_else(|| Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into(), IpAddr::V4)
        }
        IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_micros(1_000_000_000);

    #[test]
    fn s24_a_used_up_budget_stops_one_address_and_no_other() {
        let budget = FailureBudget::new(3, 60);
        let (flood, other) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        for _ in 0..3 {
            assert_eq!(budget.exhausted(flood, START), None);
            budget.spend(flood, START);
        }
        assert_eq!(budget.exhausted(flood, START), Some(Duration::from_secs(1)));
        assert_eq!(budget.exhausted(other, START), None);
        assert_eq!(
            budget.exhausted(flood, START.after(Duration::from_secs(2))),
            None
        );
    }

    #[test]
    fn one_ipv6_network_is_one_client() {
        let budget = FailureBudget::new(1, 60);
        budget.spend("2001:db8::1".parse().unwrap(), START);
        assert!(
            budget
                .exhausted("2001:db8::2".parse().unwrap(), START)
                .is_some()
        );
        assert!(
            budget
                .exhausted("2001:db8:0:1::2".parse().unwrap(), START)
                .is_none()
        );
    }

    #[test]
    fn failed_logins_wait_longer_each_time_and_a_success_forgets() {
        let back_off = BackOff::new();
        let address = "192.0.2.1".parse().unwrap();
        let mut waits = Vec::new();
        for _ in 0..6 {
            back_off.failed(address, START);
            waits.push(back_off.wait(address, START).map_or(0, |d| d.as_secs()));
        }
        assert_eq!(waits, [0, 0, 1, 2, 4, 8]);
        back_off.succeeded(address);
        assert_eq!(back_off.wait(address, START), None);
    }
}
