//! Operations of a `rest` surface, as a manifest or the config writes them.

mod body;
mod pagination;

use gestalt_core::operation::{
    Location, Operation, Parameter, Response, ResponseMapping, Security,
};
use gestalt_core::schema::Schema;
use http::Method;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::check::Checker;
use super::decode::{Entries, Located};
use super::parameters::ParameterEntry;
use super::report::Problem;
use super::scalars::{Period, Size};
use body::BodyEntry;

pub(super) use pagination::PaginationEntry;

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

impl OperationEntry {
    /// Checks the operation; `None` where something is wrong.
    pub(super) fn check(&self, checker: &mut Checker<'_>) -> Option<Operation> {
        let name = checker.parse(&self.name);
        let method = self.method(checker);
        let parameters = self.parameters(checker);
        self.check_path(&parameters, checker);
        for (header, _) in &self.headers.0 {
            checker.fixed_header(header);
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
            security: Security::Any,
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

impl ResponseEntry {
    pub(super) fn check(&self, checker: &mut Checker<'_>) -> Response {
        if let Some(path) = &self.path {
            checker.pointer(path);
        }
        let mapped = self.path.is_some() || !self.select.is_empty();
        Response {
            schema: self.schema.as_ref().map(Schema::from),
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
