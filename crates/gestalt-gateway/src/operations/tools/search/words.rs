//! Words of texts and names: how they are split, what is left off their ends, and which mean
//! much the same.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

/// Longer words are cut, in bytes; nobody asks for them.
const LONGEST: usize = 40;

/// Fewest bytes that stay when an ending is taken off.
const SHORTEST_STEM: usize = 4;

/// Words that say nothing of what is meant.
const SILENT: &str = "\
    a about an and any anybody anyone are as at be because been by can could did do does \
    down each else ever for from had has have he her his how i if in into is it its just let \
    me may much must my need nobody not of on one ones or our out over please s she should \
    so some somebody someone something t than that the their them then there these they this \
    those to up us use using want was we were what when whenever where which whoever whose \
    will with would yet you your";

/// Words that stand for each other when somebody asks, of any API: a group a line. A word may be
/// in several.
const ALIKE: [&str; 3] = [DONE, DOERS, THINGS];

/// What is done.
const DONE: &str = "\
    create add new make open post insert register start submit report raise write compose begin\n\
    delete remove destroy erase drop discard clear\n\
    get show read fetch retrieve view see display describe look check\n\
    list all every everything enumerate browse who many\n\
    update change edit modify alter patch save rename adjust\n\
    update close reopen resolve finish complete\n\
    set put replace configure update\n\
    add put attach include append insert\n\
    add give grant share\n\
    set add mark flag\n\
    search find query lookup seek\n\
    cancel abort stop halt terminate end interrupt\n\
    run execute start trigger launch dispatch invoke begin\n\
    rerun retry again repeat redeliver resend\n\
    restart reboot reset relaunch\n\
    restore rollback revert undo recover back\n\
    buy order purchase rent provision create\n\
    resize grow extend enlarge scale more\n\
    distribute spread balance share\n\
    reach connect access allow\n\
    empty purge clear flush\n\
    print write output log\n\
    point assign map resolve\n\
    enable activate allow permit\n\
    disable deactivate forbid prevent prohibit\n\
    approve accept confirm review\n\
    reject decline deny dismiss refuse\n\
    transfer move migrate\n\
    copy clone duplicate fork\n\
    upload attach import\n\
    download export save\n\
    send deliver post submit\n\
    compare diff difference versus between\n\
    invite invitation ask\n\
    request ask\n\
    join enter membership\n\
    leave quit exit\n\
    block ban\n\
    lock freeze\n\
    merge combine join integrate\n\
    protect guard restrict secure\n\
    calculate compute estimate work\n\
    verify prove validate check\n\
    notify tell inform";

/// Who does it.
const DOERS: &str = "\
    user person people account colleague employee human\n\
    member membership belong people person user colleague\n\
    collaborator contributor member colleague person\n\
    reviewer review colleague\n\
    assignee owner responsible\n\
    authenticated myself mine own\n\
    customer client buyer shopper\n\
    organization org organisation company workspace\n\
    team group";

/// What it is done to.
const THINGS: &str = "\
    repository repo project\n\
    issue ticket bug defect task\n\
    comment reply answer respond response\n\
    message text mail\n\
    content text body data\n\
    email mail\n\
    label tag category\n\
    thread conversation discussion\n\
    notification inbox unread\n\
    webhook hook callback\n\
    secret password credential key\n\
    token key credential\n\
    permission access right role\n\
    workflow pipeline ci automation action\n\
    build run job workflow\n\
    log console output\n\
    release version publish\n\
    asset attachment binary file\n\
    latest newest recent last current now\n\
    next upcoming future\n\
    sub child nested part\n\
    dependency package library depend\n\
    vulnerability vulnerable weakness security cve\n\
    alert warning alarm\n\
    limit quota throttle remaining\n\
    view visit traffic visitor look\n\
    snippet gist paste\n\
    star bookmark favorite favourite\n\
    bill billing invoice\n\
    owe debt balance due\n\
    hostname domain dns address\n\
    address ip network\n\
    traffic load bandwidth\n\
    uptime reachable available health alive online\n\
    processor cpu\n\
    memory ram\n\
    disk volume storage drive\n\
    worker node\n\
    region country location place datacenter\n\
    alert notify monitor watch\n\
    size space capacity\n\
    app application program\n\
    website site page\n\
    cost spend price charge fee\n\
    pay payment charge checkout purchase\n\
    money balance fund cash amount\n\
    refund reimburse\n\
    discount coupon promotion voucher rebate\n\
    subscription subscribe plan recurring\n\
    offer quote proposal\n\
    dispute chargeback complaint\n\
    currency exchange\n\
    picture image photo\n\
    meeting appointment call conference\n\
    phone telephone call\n\
    participant attendee guest\n\
    channel room chat\n\
    calendar schedule\n\
    folder directory\n\
    server machine instance host vm node\n\
    error failure failed fault\n\
    statistic stat metric insight usage\n\
    setting configuration preference option\n\
    history log audit event activity";

/// Abbreviations of several words.
const SHORT: &[(&str, &[&str])] = &[
    ("pr", &["pull", "request"]),
    ("prs", &["pull", "request"]),
    ("mr", &["merge", "request"]),
];

/// The words of a text or of a name in any of the usual spellings, without their endings.
pub(super) fn stems(text: &str) -> impl Iterator<Item = String> {
    split(text).map(stem)
}

/// The words of a question: what says nothing is left out unless nothing else is said.
pub(super) fn asked(question: &str) -> Vec<String> {
    let mut words = Vec::new();
    for word in split(question) {
        match SHORT.iter().find(|(short, _)| *short == word) {
            Some((_, long)) => words.extend(long.iter().map(|word| (*word).to_owned())),
            None => words.push(word),
        }
    }
    let said = words.iter().filter(|word| says(word));
    let mut stems: Vec<String> = said.cloned().map(stem).collect();
    if stems.is_empty() {
        stems = words.into_iter().map(stem).collect();
    }
    let mut seen = HashSet::new();
    stems.retain(|stem| seen.insert(stem.clone()));
    stems
}

/// Whether a word says anything by itself.
pub(super) fn says(word: &str) -> bool {
    static SAYING_NOTHING: LazyLock<HashSet<&str>> =
        LazyLock::new(|| SILENT.split_whitespace().collect());
    !SAYING_NOTHING.contains(word)
}

/// Other words, without their endings, that mean much the same as a word without its ending.
pub(super) fn alike(stem_of: &str) -> &'static [String] {
    static TABLE: LazyLock<HashMap<String, Vec<String>>> = LazyLock::new(|| {
        let mut table: HashMap<String, Vec<String>> = HashMap::new();
        for group in ALIKE.iter().flat_map(|groups| groups.lines()) {
            let stems: Vec<String> = split(group).map(stem).collect();
            for of in &stems {
                let others = table.entry(of.clone()).or_default();
                for other in stems.iter().filter(|other| *other != of) {
                    if !others.contains(other) {
                        others.push(other.clone());
                    }
                }
            }
        }
        table
    });
    TABLE.get(stem_of).map_or(&[], Vec::as_slice)
}

/// Splits where a name of several words does: at what is neither letter nor digit, before a
/// capital after a small letter, and before the last of several capitals.
fn split(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric())
        .flat_map(humps)
        .filter(|word| !word.is_empty())
        .map(|word| {
            let mut word = word.to_lowercase();
            word.truncate(word.floor_char_boundary(LONGEST));
            word
        })
}

fn humps(word: &str) -> impl Iterator<Item = &str> {
    let mut rest = word;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut before = [' ', ' '];
        let mut end = rest.len();
        for (at, c) in rest.char_indices() {
            let [two, one] = before;
            if c.is_uppercase() && one.is_lowercase() {
                end = at;
                break;
            }
            // `HTTPServer`: the `S` begins a word.
            if c.is_lowercase() && one.is_uppercase() && two.is_uppercase() {
                end = at - one.len_utf8();
                break;
            }
            before = [one, c];
        }
        let (head, tail) = rest.split_at(end);
        rest = tail;
        Some(head)
    })
}

/// Takes off what English puts at a word's end, so that its forms become one. What is left need
/// be no word.
fn stem(mut word: String) -> String {
    if !word.is_ascii() || word.len() < 3 || word.bytes().any(|byte| byte.is_ascii_digit()) {
        return word;
    }
    plural(&mut word);
    for (ending, instead) in [
        ("ization", "ize"),
        ("isation", "ize"),
        ("ation", ""),
        ("ition", ""),
        ("ion", ""),
        ("ment", ""),
        ("ing", ""),
        ("ed", ""),
        ("ly", ""),
        ("ees", ""),
        ("ee", ""),
    ] {
        let Some(left) = word.strip_suffix(ending) else {
            continue;
        };
        let shortest = if matches!(ending, "ing" | "ed") {
            3
        } else {
            SHORTEST_STEM
        };
        if left.len() < shortest || !left.bytes().any(|byte| b"aeiouy".contains(&byte)) {
            continue;
        }
        let kept = left.len();
        word.truncate(kept);
        word.push_str(instead);
        let doubled = matches!(ending, "ing" | "ed")
            && word.as_bytes().last() == word.as_bytes().get(kept.wrapping_sub(2))
            && !word.ends_with(['l', 's', 'z']);
        if doubled {
            word.pop();
        }
        break;
    }
    if word.len() > 3 && word.ends_with('e') {
        word.pop();
    }
    if word.len() > 3 && word.ends_with('y') {
        word.pop();
        word.push('i');
    }
    word
}

fn plural(word: &mut String) {
    let length = word.len();
    if word.ends_with("ies") && length > 4 {
        word.truncate(length - 3);
        word.push('y');
    } else if ["sses", "shes", "ches", "xes", "zes"]
        .iter()
        .any(|end| word.ends_with(end))
    {
        word.truncate(length - 2);
    } else if word.ends_with('s')
        && length > 3
        && !["ss", "us", "is"].iter().any(|end| word.ends_with(end))
    {
        word.truncate(length - 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split_all(text: &str) -> Vec<String> {
        split(text).collect()
    }

    #[test]
    fn names_are_split_in_every_spelling() {
        for name in [
            "listPullRequests",
            "list_pull-requests",
            "/list/{pull}/Requests",
            "LIST pull requests",
        ] {
            assert_eq!(split_all(name), ["list", "pull", "requests"], "{name}");
        }
        assert_eq!(split_all("getHTTPServer2"), ["get", "http", "server2"]);
        assert_eq!(split_all("ÄnderungsListe"), ["änderungs", "liste"]);
        assert!(split_all(" -_/{}").is_empty());
        assert_eq!(split_all(&"ä".repeat(100))[0].len(), LONGEST);
    }

    #[test]
    fn forms_of_a_word_become_one() {
        let one = |word: &str| stem(word.to_owned());
        for forms in [
            &["create", "creates", "created", "creating", "creation"][..],
            &["repository", "repositories"],
            &["invite", "invites", "invited", "invitation", "invitations"],
            &[
                "assign",
                "assigned",
                "assigning",
                "assignment",
                "assignee",
                "assignees",
            ],
            &["run", "runs", "running"],
            &["branch", "branches"],
            &["organize", "organizes", "organization", "organisation"],
            &["delete", "deletes", "deletion"],
            &["status"],
        ] {
            for form in forms {
                assert_eq!(one(form), one(forms[0]), "{form}");
            }
        }
        for kept in ["is", "s3", "string", "sha256", "für"] {
            assert_eq!(one(kept), kept);
        }
    }

    #[test]
    fn what_says_nothing_is_left_out_unless_it_is_all() {
        assert_eq!(asked("how do I create an issue?"), ["creat", "issu"]);
        assert_eq!(asked("what is it"), ["what", "is", "it"]);
        assert_eq!(asked("merge a PR"), ["merg", "pull", "request"]);
        assert!(asked(" ?! ").is_empty());
    }
}
