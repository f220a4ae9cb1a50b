//! The figures, as tables and as JSON.

use std::fmt::Write as _;

use serde_json::{Value, json};

mod relay;
mod search;
mod tools;

pub(crate) use relay::{Relayed, Sessions};
pub(crate) use search::Search;
pub(crate) use tools::{Document, List};

/// All that was measured.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) calls: Vec<Level>,
    pub(crate) plugins: Vec<Size>,
    pub(crate) lists: Vec<List>,
    pub(crate) relayed: Vec<Relayed>,
    pub(crate) sessions: Vec<Sessions>,
    pub(crate) documents: Vec<Document>,
    pub(crate) searches: Vec<Search>,
    pub(crate) many: Option<Many>,
}

/// Many users with a token and a connection each.
#[derive(Debug)]
pub(crate) struct Many {
    pub(crate) users: usize,
    /// How many connections were stored in a second, by requests.
    pub(crate) connects_per_second: f64,
    /// Processor time of a call with one token, with any of them the first
    /// time, and with any of them once the caches hold them.
    pub(crate) one_micros: f64,
    pub(crate) missed_micros: f64,
    pub(crate) held_micros: f64,
    /// Held over one.
    pub(crate) ratio: f64,
    pub(crate) missed_statements: f64,
    pub(crate) held_statements: f64,
    /// Memory before the first call, and with all of them held.
    pub(crate) idle_mebibytes: f64,
    pub(crate) held_mebibytes: f64,
}

/// One number of connections.
#[derive(Debug)]
pub(crate) struct Level {
    pub(crate) connections: usize,
    pub(crate) direct: Target,
    pub(crate) proxy: Target,
    pub(crate) gateway: Target,
    /// The same call as a tool's.
    pub(crate) mcp: Target,
    /// The daemon's processor time over the proxy's.
    pub(crate) cpu_ratio: f64,
    /// Its processor time by MCP over that by HTTP, and over the proxy's.
    pub(crate) mcp_cpu_ratio: f64,
    pub(crate) mcp_cpu_over_proxy: f64,
    pub(crate) p50_over_direct_micros: f64,
    pub(crate) p99_over_direct_micros: f64,
    pub(crate) p50_over_proxy_micros: f64,
    pub(crate) statements_per_call: f64,
}

/// One of the four that are called.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) cpu_micros: f64,
    pub(crate) p50_micros: f64,
    pub(crate) p99_micros: f64,
    pub(crate) calls_per_second: f64,
}

/// One number of plugins.
#[derive(Debug)]
pub(crate) struct Size {
    pub(crate) plugins: usize,
    pub(crate) tokens: usize,
    /// With an empty folder: keys and tables are made.
    pub(crate) first_start_seconds: f64,
    pub(crate) start_seconds: f64,
    pub(crate) idle_mebibytes: f64,
    pub(crate) loaded_mebibytes: f64,
    pub(crate) peak_mebibytes: f64,
}

/// The middle value, or the mean of the two in the middle; 0 of none.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = values.get(middle).copied().unwrap_or_default();
    match values.len() % 2 {
        0 if middle > 0 => f64::midpoint(values[middle - 1], upper),
        _ => upper,
    }
}

impl Report {
    /// Tables for people.
    pub(crate) fn text(&self) -> String {
        let mut out = String::new();
        for level in &self.calls {
            level.write(&mut out);
        }
        if !self.plugins.is_empty() {
            out.push_str("\nplugins  tokens  first start   start    idle  loaded    peak\n");
            for size in &self.plugins {
                size.write(&mut out);
            }
        }
        for list in &self.lists {
            list.write(&mut out);
        }
        for relayed in &self.relayed {
            relayed.write(&mut out);
        }
        for sessions in &self.sessions {
            sessions.write(&mut out);
        }
        if !self.documents.is_empty() {
            out.push_str(
                "\ndocument      described  offered  first start   start  reload  MiB  peak  again\n",
            );
            for document in &self.documents {
                document.write(&mut out);
            }
        }
        for search in &self.searches {
            search.write(&mut out);
        }
        if let Some(many) = &self.many {
            many.write(&mut out);
        }
        let aims = self.aims();
        if !aims.is_empty() {
            out.push_str("\naim                                            limit  measured\n");
        }
        for aim in aims {
            let mark = if aim.measured <= aim.limit {
                "met"
            } else {
                "missed"
            };
            let Aim {
                what,
                limit,
                measured,
            } = aim;
            let _ = writeln!(out, "{what:45} {limit:6.2} {measured:9.2}  {mark}");
        }
        out
    }

    /// The same for programs.
    pub(crate) fn json(&self) -> String {
        let calls: Vec<Value> = self.calls.iter().map(Level::json).collect();
        let plugins: Vec<Value> = self.plugins.iter().map(Size::json).collect();
        let aims = self.aims().into_iter().map(|aim| {
            let Aim {
                what,
                limit,
                measured,
            } = aim;
            json!({ "aim": what, "limit": limit, "measured": measured })
        });
        let aims: Vec<Value> = aims.collect();
        let many = self.many.as_ref().map(Many::json);
        let lists: Vec<Value> = self.lists.iter().map(List::json).collect();
        let relayed: Vec<Value> = self.relayed.iter().map(Relayed::json).collect();
        let sessions: Vec<Value> = self.sessions.iter().map(Sessions::json).collect();
        let documents: Vec<Value> = self.documents.iter().map(Document::json).collect();
        let searches: Vec<Value> = self.searches.iter().map(Search::json).collect();
        json!({ "documents": documents, "searches": searches, "calls": calls, "plugins": plugins, "lists": lists, "relayed": relayed, "sessions": sessions, "many": many, "aims": aims })
            .to_string()
    }

    fn aims(&self) -> Vec<Aim> {
        let mut aims = Vec::new();
        for level in &self.calls {
            let connections = level.connections;
            if connections == 1 {
                aims.push(Aim {
                    what: "p50 over the proxy's at 1 connection, µs".into(),
                    limit: 20.0,
                    measured: level.p50_over_proxy_micros,
                });
            } else {
                aims.push(Aim {
                    what: format!("CPU over the proxy's at {connections} connections"),
                    limit: 1.5,
                    measured: level.cpu_ratio,
                });
            }
        }
        for level in &self.calls {
            aims.push(Aim {
                what: format!("MCP's CPU over HTTP's, {} connections", level.connections),
                limit: 1.3,
                measured: level.mcp_cpu_ratio,
            });
        }
        for size in self.plugins.iter().filter(|size| size.plugins == 10) {
            aims.push(Aim {
                what: "start to ready with ten plugins, s".into(),
                limit: 0.1,
                measured: size.start_seconds,
            });
            aims.push(Aim {
                what: "memory under load with ten plugins, MiB".into(),
                limit: 30.0,
                measured: size.loaded_mebibytes,
            });
        }
        for list in &self.lists {
            aims.push(Aim {
                what: format!("CPU of a list of {} {} over static", list.tools, list.of),
                limit: 3.0,
                measured: median(list.ratios.iter().copied()),
            });
        }
        aims.extend(self.relayed.iter().map(Relayed::aim));
        aims.extend(self.sessions.iter().map(Sessions::aim));
        for document in self.documents.iter().filter(|one| one.name == "github") {
            for (what, limit, measured) in [
                (
                    "first start with GitHub's document, s",
                    1.0,
                    document.first_start_seconds,
                ),
                ("reload with it unchanged, s", 0.05, document.reload_seconds),
                ("memory it takes, MiB", 100.0, document.loaded_mebibytes),
            ] {
                let what = what.to_owned();
                aims.push(Aim {
                    what,
                    limit,
                    measured,
                });
            }
        }
        for search in self.searches.iter().filter(|one| one.name == "github") {
            aims.push(Aim {
                what: "of 40 questions about GitHub, not in five".into(),
                limit: 6.0,
                measured: search.missed(),
            });
        }
        if let Some(many) = &self.many {
            aims.push(Aim {
                what: format!("CPU with {} tokens over one's", many.users),
                limit: 1.2,
                measured: many.ratio,
            });
        }
        aims
    }
}

struct Aim {
    what: String,
    limit: f64,
    measured: f64,
}

impl Level {
    fn write(&self, out: &mut String) {
        let _ = writeln!(
            out,
            "\n{} connections   CPU µs   p50 µs   p99 µs   calls/s",
            self.connections
        );
        for (name, target) in [
            ("upstream", &self.direct),
            ("proxy", &self.proxy),
            ("gestaltd", &self.gateway),
            ("by MCP", &self.mcp),
        ] {
            target.write(name, out);
        }
        let _ = writeln!(
            out,
            "  gestaltd adds {:.1} µs (p50) and {:.1} µs (p99) over the upstream, {:.1} µs (p50) over the proxy;",
            self.p50_over_direct_micros, self.p99_over_direct_micros, self.p50_over_proxy_micros
        );
        let _ = writeln!(
            out,
            "  CPU {:.2} times the proxy's; {:.3} statements a call, the audit writer's included.",
            self.cpu_ratio, self.statements_per_call
        );
        let _ = writeln!(
            out,
            "  By MCP, CPU {:.2} times that by HTTP, {:.2} times the proxy's.",
            self.mcp_cpu_ratio, self.mcp_cpu_over_proxy
        );
    }

    fn json(&self) -> Value {
        json!({
            "connections": self.connections,
            "upstream": self.direct.json(),
            "proxy": self.proxy.json(),
            "gestaltd": self.gateway.json(),
            "mcp": self.mcp.json(),
            "mcp_cpu_ratio": self.mcp_cpu_ratio,
            "mcp_cpu_over_proxy": self.mcp_cpu_over_proxy,
            "cpu_ratio": self.cpu_ratio,
            "p50_over_upstream_micros": self.p50_over_direct_micros,
            "p99_over_upstream_micros": self.p99_over_direct_micros,
            "p50_over_proxy_micros": self.p50_over_proxy_micros,
            "statements_per_call": self.statements_per_call,
        })
    }
}

impl Target {
    fn write(&self, name: &str, out: &mut String) {
        let Self {
            cpu_micros,
            p50_micros,
            p99_micros,
            calls_per_second,
        } = self;
        let _ = writeln!(
            out,
            "  {name:10}   {cpu_micros:8.1} {p50_micros:8.1} {p99_micros:8.1} {calls_per_second:9.0}"
        );
    }

    fn json(&self) -> Value {
        json!({
            "cpu_micros": self.cpu_micros,
            "p50_micros": self.p50_micros,
            "p99_micros": self.p99_micros,
            "calls_per_second": self.calls_per_second,
        })
    }
}

impl Size {
    fn write(&self, out: &mut String) {
        let _ = writeln!(
            out,
            "{:7} {:7} {:10.3} s {:5.3} s {:7.1} {:7.1} {:7.1}  MiB",
            self.plugins,
            self.tokens,
            self.first_start_seconds,
            self.start_seconds,
            self.idle_mebibytes,
            self.loaded_mebibytes,
            self.peak_mebibytes
        );
    }

    fn json(&self) -> Value {
        json!({
            "plugins": self.plugins,
            "tokens": self.tokens,
            "first_start_seconds": self.first_start_seconds,
            "start_seconds": self.start_seconds,
            "idle_mebibytes": self.idle_mebibytes,
            "loaded_mebibytes": self.loaded_mebibytes,
            "peak_mebibytes": self.peak_mebibytes,
        })
    }
}

impl Many {
    fn write(&self, out: &mut String) {
        let _ = writeln!(
            out,
            "\n{} users, a token and a connection each ({:.0} connections stored a second)",
            self.users, self.connects_per_second
        );
        let _ = writeln!(
            out,
            "  CPU a call, µs: {:.1} with one token, {:.1} with any the first time, {:.1} with any held ({:.2} times one's)",
            self.one_micros, self.missed_micros, self.held_micros, self.ratio
        );
        let _ = writeln!(
            out,
            "  statements a call: {:.3} the first time, {:.3} held; memory: {:.1} MiB before, {:.1} MiB with all held",
            self.missed_statements, self.held_statements, self.idle_mebibytes, self.held_mebibytes
        );
    }

    fn json(&self) -> Value {
        json!({
            "users": self.users,
            "connects_per_second": self.connects_per_second,
            "one_cpu_micros": self.one_micros,
            "missed_cpu_micros": self.missed_micros,
            "held_cpu_micros": self.held_micros,
            "cpu_ratio": self.ratio,
            "missed_statements_per_call": self.missed_statements,
            "held_statements_per_call": self.held_statements,
            "idle_mebibytes": self.idle_mebibytes,
            "held_mebibytes": self.held_mebibytes,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_median_of_none_one_two_and_three() {
        let same = |left: f64, right: f64| (left - right).abs() < f64::EPSILON;
        assert!(same(median([]), 0.0));
        assert!(same(median([3.0]), 3.0));
        assert!(same(median([3.0, 1.0]), 2.0));
        assert!(same(median([9.0, 1.0, 2.0]), 2.0));
    }
}
