//! Operations of a `rest` surface, as a manifest or the config writes them.

use gestalt_core::operation::{
    Body, FieldEncoding, Location, Media, MediaKind, Operation, Pagination, PaginationStyle,
    Parameter, Response, ResponseMapping, Style,
};
use http::Method;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::check::Checker;
use super::decode::{Entries, Located};
use super::parameters::ParameterEntry;
use super::report::Problem;
use super::scalars::{Period, Size};

/// One operation.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct OperationEntry {
    /// What callers say.
    pub(super) name: Located<String>,
    /// A short title for people.
    title: Option<String>,
    /// What it does, for people and models.
    description: Option<String>,
    /// Words that group operations.
    #[serde(default)]
    tags: Vec<String>,
    /// The upstream advises against it.
    #[serde(default)]
    deprecated: bool,
    /// Changes nothing at the upstream, so GET may invoke it.
    #[serde(default)]
    read_only: bool,
    /// May destroy something.
    destructive: Option<bool>,
    /// Repeating it changes nothing more.
    idempotent: Option<bool>,
    /// The upstream's method.
    method: Located<String>,
    /// The path below the base URL: `/projects/{project}/issues`.
    path: Located<String>,
    /// Parameters outside the body.
    #[serde(default)]
    parameters: Vec<ParameterEntry>,
    /// Fixed headers; never a credential.
    #[serde(default)]
    headers: Entries<String>,
    /// Fixed query parameters.
    #[serde(default)]
    query: Entries<String>,
    /// The request body.
    body: Option<Located<BodyEntry>>,
    /// What is known of the answer, and what of it is passed on.
    response: Option<ResponseEntry>,
    /// How the next page is asked for.
    pagination: Option<Located<PaginationEntry>>,
    /// Longest wait for the head of the answer.
    timeout: Option<Period>,
}

/// The request body: one content type, or several under `content`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct BodyEntry {
    /// The call is refused without it. `true` unless set where the schema requires a member.
    required: Option<bool>,
    /// What it means.
    description: Option<String>,
    /// `application/json` unless set.
    content_type: Option<Located<String>>,
    /// JSON Schema of the value.
    schema: Option<Value>,
    /// How fields of forms and multipart bodies are written.
    encoding: Entries<EncodingEntry>,
    /// Several content types, the first of which is used when the caller names none.
    content: Vec<ContentEntry>,
}

/// One of several content types.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ContentEntry {
    /// The content type that is sent.
    content_type: Located<String>,
    /// JSON Schema of the value.
    schema: Option<Value>,
    /// How fields of forms and multipart bodies are written.
    #[serde(default)]
    encoding: Entries<EncodingEntry>,
}

/// How one field of a form or multipart body is written.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct EncodingEntry {
    /// Its content type, for multipart.
    content_type: Option<String>,
    /// Whether arrays and objects become several pairs. `true` unless set.
    explode: Option<bool>,
}

/// What is known of the answer, and what of it is passed on.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct ResponseEntry {
    /// JSON Schema of a successful JSON answer.
    schema: Option<Value>,
    /// JSON pointer to the part that is passed on.
    path: Option<Located<String>>,
    /// Members to keep of the object, or of each object of the array, there.
    select: Vec<String>,
    /// Largest body passed on.
    max_bytes: Option<Size>,
}

/// How the next page is asked for.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct PaginationEntry {
    /// Which way.
    style: Located<PaginationWord>,
    /// `cursor`: the query parameter.
    cursor_param: Option<Located<String>>,
    /// `cursor`: JSON pointer to the next cursor.
    cursor_path: Option<Located<String>>,
    /// `page`: the query parameter; `page` unless set.
    page_param: Option<Located<String>>,
    /// `page`: the first page's number; 1 unless set.
    start_page: Option<Located<u64>>,
    /// `offset`: the query parameter; `offset` unless set.
    offset_param: Option<Located<String>>,
    /// JSON pointer to the array of results.
    results_path: Option<Located<String>>,
    /// The query parameter that sets the page size.
    size_param: Option<Located<String>>,
    /// The page size asked for when the caller names none.
    page_size: Option<Located<u64>>,
    /// After how many pages in a row a continuation is refused.
    max_pages: Option<u32>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
enum PaginationWord {
    Cursor,
    Page,
    Offset,
    Link,
}

impl OperationEntry {
    /// Checks the operation; `None` where something is wrong.
    pub(super) fn check(&self, checker: &mut Checker<'_>) -> Option<Operation> {
        let name = checker.parse(&self.name);
        let method = self.method(checker);
        let parameters = self.parameters(checker);
        self.check_path(&parameters, checker);
        for (header, _) in &self.headers.0 {
            checker.header(header);
        }
        let body = match &self.body {
            Some(body) => Some(body.value.check(body, checker)?),
            None => None,
        };
        let response = self
            .response
            .as_ref()
            .map(|entry| entry.check(checker))
            .unwrap_or_default();
        let pagination = match &self.pagination {
            Some(entry) => Some(entry.value.check(entry, checker)?),
            None => None,
        };
        let pairs = |entries: &Entries<String>| {
            entries
                .0
                .iter()
                .map(|(name, value)| (name.value.clone(), value.clone()))
                .collect()
        };
        Some(Operation {
            name: name?,
            source_name: self.name.value.clone(),
            title: self.title.clone(),
            description: self.description.clone(),
            tags: self.tags.clone(),
            deprecated: self.deprecated,
            read_only: self.read_only,
            destructive: self.destructive,
            idempotent: self.idempotent,
            method: method?,
            path: self.path.value.clone(),
            base_url: None,
            parameters,
            headers: pairs(&self.headers),
            query: pairs(&self.query),
            body,
            response,
            pagination,
            timeout: self.timeout.map(|timeout| timeout.0),
        })
    }

    fn method(&self, checker: &mut Checker<'_>) -> Option<Method> {
        const METHODS: &[&str] = &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
        let word = self.method.value.to_ascii_uppercase();
        if !METHODS.contains(&word.as_str()) {
            let problem = Problem::new("not a method that can be called", self.method.at);
            checker.problem(problem.help(super::decode::suggest(&word, METHODS.iter().copied())));
            return None;
        }
        word.parse().ok()
    }

    fn parameters(&self, checker: &mut Checker<'_>) -> Vec<Parameter> {
        let mut parameters: Vec<Parameter> = Vec::new();
        for entry in &self.parameters {
            let Some(parameter) = entry.check(checker) else {
                continue;
            };
            if parameters.iter().any(|other| other.name == parameter.name) {
                let problem = Problem::new(
                    format!("two parameters are called `{}`", parameter.name),
                    entry.name_at(),
                );
                checker.problem(
                    problem
                        .label("this one, too")
                        .help("`alias: …` gives one of them another name"),
                );
            }
            parameters.push(parameter);
        }
        parameters
    }

    /// The path's `{…}` and the parameters `in: path` are the same set.
    fn check_path(&self, parameters: &[Parameter], checker: &mut Checker<'_>) {
        let path = &self.path;
        let text = path.value.as_str();
        let refuse = |why: String| Problem::new(why, path.at);
        if !text.starts_with('/') || text.contains(['?', '#', ' ', '\\']) {
            checker.problem(refuse(
                "a path begins with `/` and has no query and no space".to_owned(),
            ));
        }
        if text.split('/').any(|segment| matches!(segment, "." | "..")) {
            checker.problem(refuse("a path has no `.` or `..` segment".to_owned()));
        }
        let Some(names) = template_names(text) else {
            checker.problem(refuse("`{` and `}` do not pair up in the path".to_owned()));
            return;
        };
        for name in &names {
            if !parameters
                .iter()
                .any(|p| p.location == Location::Path && p.wire_name == *name)
            {
                let help =
                    format!("`- {{ name: {name}, in: path, type: string }}` under `parameters`");
                checker.problem(
                    refuse(format!(
                        "the path names `{{{name}}}`, which is not declared"
                    ))
                    .help(help),
                );
            }
        }
        for (entry, parameter) in self.parameters.iter().zip(parameters) {
            if parameter.location == Location::Path
                && !names.contains(&parameter.wire_name.as_str())
            {
                let problem = Problem::new(
                    format!("the path does not name `{{{}}}`", parameter.wire_name),
                    entry.name_at(),
                );
                checker.problem(problem.also(path.at, "this path"));
            }
        }
    }
}

/// The names between braces; `None` if the braces do not pair up.
fn template_names(path: &str) -> Option<Vec<&str>> {
    let (mut names, mut rest) = (Vec::new(), path);
    while let Some(start) = rest.find(['{', '}']) {
        let inside = rest[start..].strip_prefix('{')?;
        let (name, after) = inside.split_once('}')?;
        if name.is_empty() || name.contains(['{', '/']) {
            return None;
        }
        names.push(name);
        rest = after;
    }
    Some(names)
}

impl BodyEntry {
    fn check(&self, at: &Located<BodyEntry>, checker: &mut Checker<'_>) -> Option<Body> {
        let single =
            self.content_type.is_some() || self.schema.is_some() || !self.encoding.0.is_empty();
        if single && !self.content.is_empty() {
            checker.problem(Problem::new(
                "a body has one `contentType`, or several under `content`",
                at.at,
            ));
            return None;
        }
        let media: Vec<Media> = if self.content.is_empty() {
            let json = Located {
                value: "application/json".to_owned(),
                at: at.at,
            };
            let content_type = self.content_type.as_ref().unwrap_or(&json);
            vec![media(
                content_type,
                self.schema.as_ref(),
                &self.encoding,
                checker,
            )?]
        } else {
            let each = |entry: &ContentEntry| {
                media(
                    &entry.content_type,
                    entry.schema.as_ref(),
                    &entry.encoding,
                    checker,
                )
            };
            self.content.iter().map(each).collect::<Option<_>>()?
        };
        let requires = |media: &Media| {
            let list = media
                .schema
                .as_ref()
                .and_then(|schema| schema.get("required"))
                .and_then(Value::as_array);
            list.is_some_and(|names| !names.is_empty())
        };
        Some(Body {
            required: self.required.unwrap_or_else(|| media.iter().all(requires)),
            description: self.description.clone(),
            media,
        })
    }
}

fn media(
    content_type: &Located<String>,
    schema: Option<&Value>,
    encoding: &Entries<EncodingEntry>,
    checker: &mut Checker<'_>,
) -> Option<Media> {
    let text = content_type.value.as_str();
    let essence = text
        .split(';')
        .next()
        .unwrap_or(text)
        .trim()
        .to_ascii_lowercase();
    if !essence.contains('/') || http::HeaderValue::try_from(text).is_err() {
        checker.problem(Problem::new(
            "expected a media type such as `application/json`",
            content_type.at,
        ));
        return None;
    }
    let kind = match essence.as_str() {
        "application/x-www-form-urlencoded" => MediaKind::Form,
        "multipart/form-data" => MediaKind::Multipart,
        json if json == "application/json" || json.ends_with("+json") => MediaKind::Json,
        _ => MediaKind::Raw,
    };
    let encoding = encoding.0.iter().map(|(name, entry)| FieldEncoding {
        name: name.value.clone(),
        content_type: entry.content_type.clone(),
        style: Style::Form,
        explode: entry.explode.unwrap_or(true),
    });
    Some(Media {
        content_type: text.to_owned(),
        kind,
        schema: schema.cloned(),
        encoding: encoding.collect(),
    })
}

impl ResponseEntry {
    pub(super) fn check(&self, checker: &mut Checker<'_>) -> Response {
        if let Some(path) = &self.path {
            checker.pointer(path);
        }
        let mapped = self.path.is_some() || !self.select.is_empty();
        Response {
            schema: self.schema.clone(),
            mapping: mapped.then(|| ResponseMapping {
                pointer: self
                    .path
                    .as_ref()
                    .map(|path| path.value.clone())
                    .unwrap_or_default(),
                select: self.select.clone(),
            }),
            max_bytes: self.max_bytes.map(|size| size.0),
        }
    }
}

impl PaginationEntry {
    pub(super) fn check(
        &self,
        at: &Located<PaginationEntry>,
        checker: &mut Checker<'_>,
    ) -> Option<Pagination> {
        for pointer in [&self.cursor_path, &self.results_path]
            .into_iter()
            .flatten()
        {
            checker.pointer(pointer);
        }
        self.check_style(checker);
        let or = |given: &Option<Located<String>>, default: &str| {
            given
                .as_ref()
                .map_or_else(|| default.to_owned(), |text| text.value.clone())
        };
        let style = match self.style.value {
            PaginationWord::Cursor => {
                let (Some(param), Some(path)) = (&self.cursor_param, &self.cursor_path) else {
                    checker.problem(Problem::new(
                        "`style: cursor` needs `cursorParam` and `cursorPath`",
                        at.at,
                    ));
                    return None;
                };
                PaginationStyle::Cursor {
                    param: param.value.clone(),
                    path: path.value.clone(),
                }
            }
            PaginationWord::Page => PaginationStyle::Page {
                param: or(&self.page_param, "page"),
                start: self.start_page.map_or(1, |start| start.value),
            },
            PaginationWord::Offset => PaginationStyle::Offset {
                param: or(&self.offset_param, "offset"),
            },
            PaginationWord::Link => PaginationStyle::Link,
        };
        let page_size = match (&self.size_param, self.page_size) {
            (Some(param), Some(size)) => Some((param.value.clone(), size.value)),
            (None, None) => None,
            (param, size) => {
                let place = param
                    .as_ref()
                    .map(|param| param.at)
                    .or(size.map(|size| size.at));
                checker.problem(Problem::new(
                    "`sizeParam` and `pageSize` belong together",
                    place.unwrap_or(at.at),
                ));
                return None;
            }
        };
        Some(Pagination {
            style,
            results_path: self.results_path.as_ref().map(|path| path.value.clone()),
            page_size,
            max_pages: self.max_pages,
        })
    }

    /// Refuses keys of another style.
    fn check_style(&self, checker: &mut Checker<'_>) {
        let style = self.style.value;
        let texts = [
            (&self.cursor_param, PaginationWord::Cursor, "cursor"),
            (&self.cursor_path, PaginationWord::Cursor, "cursor"),
            (&self.page_param, PaginationWord::Page, "page"),
            (&self.offset_param, PaginationWord::Offset, "offset"),
        ];
        let places = texts
            .iter()
            .filter_map(|(text, owner, word)| text.as_ref().map(|t| (t.at, *owner, *word)));
        let start = self
            .start_page
            .map(|start| (start.at, PaginationWord::Page, "page"));
        for (at, _, word) in places.chain(start).filter(|(_, owner, _)| *owner != style) {
            checker.problem(Problem::new(format!("this belongs to `style: {word}`"), at));
        }
    }
}
