//! Values that are written as a short text: lengths of time, sizes, places of packages.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};

/// A length of time: `250ms`, `30s`, `10m`, `24h`, `30d`; `0` is none at all.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Period(pub(super) Duration);

/// A number of bytes: `512`, `64KiB`, `10MiB`, `1GiB`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Size(pub(super) u64);

const PERIODS: &[(&str, u64)] = &[
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];
const SIZES: &[(&str, u64)] = &[
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("B", 1),
];

impl Period {
    fn parse(text: &str) -> Option<Self> {
        if text == "0" {
            return Some(Self(Duration::ZERO));
        }
        with_unit(text, PERIODS).map(|millis| Self(Duration::from_millis(millis)))
    }
}

impl Size {
    fn parse(text: &str) -> Option<Self> {
        text.parse()
            .ok()
            .or_else(|| with_unit(text, SIZES))
            .map(Self)
    }
}

/// A whole number and one of the units.
fn with_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim_start())?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            de::Error::custom(
                "expected a length of time such as `250ms`, `30s`, `10m`, `24h` or `30d`",
            )
        })
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            de::Error::custom("expected a size such as `512`, `64KiB`, `10MiB` or `1GiB`")
        })
    }
}

impl JsonSchema for Period {
    fn schema_name() -> Cow<'static, str> {
        "Period".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A length of time: 250ms, 30s, 10m, 24h, 30d.",
            "pattern": "^([0-9]+ ?(ms|s|m|h|d)|0)$|\\$\\{"
        })
    }
}

impl JsonSchema for Size {
    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "integer"],
            "description": "A number of bytes: 512, 64KiB, 10MiB, 1GiB.",
            "pattern": "^[0-9]+ ?(B|KiB|MiB|GiB)?$|\\$\\{"
        })
    }
}

/// Where a plugin or provider comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Source {
    /// Part of the binary, by name.
    BuiltIn(String),
    /// A manifest on this machine, relative to the file that names it.
    Path(String),
    /// A published package.
    Package(String),
    /// The URL of a published release.
    Release(String),
}

impl Source {
    fn from_text(text: &str) -> Self {
        let manifest = [".yaml", ".yml", ".json"]
            .iter()
            .any(|end| text.ends_with(end));
        if text.contains("://") {
            Self::Release(text.to_owned())
        } else if text.starts_with(['.', '/']) || manifest {
            Self::Path(text.to_owned())
        } else if text.contains('/') {
            Self::Package(text.to_owned())
        } else {
            Self::BuiltIn(text.to_owned())
        }
    }
}

impl<'de> Deserialize<'de> for Source {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Forms;
        impl<'de> Visitor<'de> for Forms {
            type Value = Source;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name, a path, `{ path }` or `{ package, version }`")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Source, E> {
                Ok(Source::from_text(text))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Source, A::Error> {
                const KEYS: &[&str] = &["path", "package", "version"];
                let (mut path, mut package, mut version) = (None, None, None);
                while let Some(key) = map.next_key::<super::decode::Located<String>>()? {
                    let slot = match key.value.as_str() {
                        "path" => &mut path,
                        "package" => &mut package,
                        "version" => &mut version,
                        other => return Err(de::Error::unknown_field(other, KEYS)),
                    };
                    *slot = Some(map.next_value::<String>()?);
                }
                match (path, package, version) {
                    (Some(path), None, None) => Ok(Source::Path(path)),
                    (None, Some(package), _) => Ok(Source::Package(package)),
                    _ => Err(de::Error::custom(
                        "expected `{ path }` or `{ package, version }`",
                    )),
                }
            }
        }
        deserializer.deserialize_any(Forms)
    }
}

impl JsonSchema for Source {
    fn schema_name() -> Cow<'static, str> {
        "Source".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Where it comes from: a name (built in), a path to a manifest, a published package.",
            "anyOf": [
                { "type": "string" },
                {
                    "type": "object",
                    "properties": { "path": { "type": "string" } },
                    "required": ["path"],
                    "additionalProperties": false
                },
                {
                    "type": "object",
                    "properties": { "package": { "type": "string" }, "version": { "type": "string" } },
                    "required": ["package"],
                    "additionalProperties": false
                }
            ]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_have_a_unit() {
        for bad in [
            "",
            "30",
            "s",
            "-1s",
            "1.5h",
            "1w",
            "99999999999999999999d",
            "30 minutes",
        ] {
            assert_eq!(Period::parse(bad), None, "{bad}");
        }
        assert_eq!(Period::parse("0"), Some(Period(Duration::ZERO)));
        assert_eq!(
            Period::parse("250ms"),
            Some(Period(Duration::from_millis(250)))
        );
        assert_eq!(
            Period::parse("30d"),
            Some(Period(Duration::from_hours(30 * 24)))
        );
    }

    #[test]
    fn sizes_are_bytes_or_have_a_binary_unit() {
        for bad in ["", "KiB", "10MB", "-1", "1.5MiB", "99999999999GiB"] {
            assert_eq!(Size::parse(bad), None, "{bad}");
        }
        assert_eq!(Size::parse("512"), Some(Size(512)));
        assert_eq!(Size::parse("64KiB"), Some(Size(65_536)));
    }

    #[test]
    fn sources_are_told_apart_by_their_form() {
        assert_eq!(
            Source::from_text("oidc"),
            Source::BuiltIn("oidc".to_owned())
        );
        assert_eq!(Source::from_text("./x"), Source::Path("./x".to_owned()));
        assert_eq!(
            Source::from_text("x/manifest.yaml"),
            Source::Path("x/manifest.yaml".to_owned())
        );
        assert_eq!(
            Source::from_text("github.com/a/b"),
            Source::Package("github.com/a/b".to_owned())
        );
        let release = "https://artifacts.example.com/v1.0.0/provider-release.yaml";
        assert_eq!(
            Source::from_text(release),
            Source::Release(release.to_owned())
        );
    }
}
