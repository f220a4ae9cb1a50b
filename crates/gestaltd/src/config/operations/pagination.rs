//! `pagination`: how the next page is asked for.

use gestalt_core::operation::{Pagination, PaginationStyle};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::check::Checker;
use crate::config::decode::Located;
use crate::config::report::Problem;

/// How the next page is asked for.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::config) struct PaginationEntry {
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

impl PaginationEntry {
    pub(in crate::config) fn check(
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
