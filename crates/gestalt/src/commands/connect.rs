//! `gestalt plugin connect`: secrets come by prompt, file or standard input, never by a
//! flag's value.

use std::collections::BTreeMap;
use std::path::Path;

use gestalt_api::connection::{ConnectManual, Connection};
use gestalt_api::integration::{ConnectionMethod, Field, Integration};

use crate::args::plugin::Connect;
use crate::commands::lookup;
use crate::context::Context;
use crate::failure::Failure;
use crate::input;
use crate::nearest::did_you_mean;
use crate::prompt;
use crate::terminal::{Terminal, printable};

/// Connects an account.
///
/// # Errors
/// A usage error that names the flag for what is missing; the gateway's refusal.
pub(super) async fn run(context: &Context, args: Connect) -> Result<(), Failure> {
    let given = parse(&args)?;
    let server = context.server()?;
    let plugin = lookup::plugin(&server, &args.plugin).await?;
    let method = choose(&plugin, &args, context.terminal)?;
    let credentials = collect(method, given, context.terminal).await?;
    let request = ConnectManual {
        integration: plugin.name.clone(),
        connection: Some(method.name.clone()),
        instance: args.instance,
        credentials,
        platform: args.platform,
        grace: args.grace,
    };
    let connection: Connection = server.post(&["auth", "connect-manual"], &request).await?;
    for warning in &connection.warnings {
        context.terminal.warn(warning);
    }
    let account = connection.nickname.as_ref().unwrap_or(&connection.instance);
    context
        .terminal
        .note(format_args!("Connected `{}` as {account}.", plugin.name));
    context.output.one(&connection)
}

/// Where a field's value comes from.
#[derive(Debug, Clone)]
enum Given {
    Value(String),
    File(String),
}

/// Reads the flags; says nothing of a value, which could be a secret put in the wrong place.
fn parse(args: &Connect) -> Result<BTreeMap<String, Given>, Failure> {
    let mut given = BTreeMap::new();
    let mut add = |name: &str, value: Given| match given.insert(name.to_owned(), value) {
        None => Ok(()),
        Some(_) => Err(Failure::usage(
            format!("The field `{name}` is given twice."),
            "Give it once.",
        )),
    };
    for (flag, values) in [
        ("--field", &args.fields),
        ("--secret-file", &args.secret_files),
    ] {
        for value in values {
            let Some((name, value)) = value.split_once('=').filter(|(name, _)| !name.is_empty())
            else {
                return Err(Failure::usage(
                    format!("{flag} needs a name, `=` and a value."),
                    format!("Write it like `{flag} name=…`."),
                ));
            };
            if flag == "--field" {
                add(name, Given::Value(value.to_owned()))?;
            } else {
                add(name, Given::File(value.to_owned()))?;
            }
        }
    }
    if let Some(name) = &args.secret_stdin {
        add(name, Given::File("-".to_owned()))?;
    }
    Ok(given)
}

/// The way to connect: the one that is named, the only one, or the one that is chosen.
fn choose<'a>(
    plugin: &'a Integration,
    args: &Connect,
    terminal: Terminal,
) -> Result<&'a ConnectionMethod, Failure> {
    let fits = |method: &&ConnectionMethod| match method.mode.as_str() {
        "none" => false,
        "platform" => args.platform,
        "user" => !args.platform,
        _ => true,
    };
    if let Some(name) = &args.connection {
        let named = plugin
            .connections
            .iter()
            .find(|method| method.name == *name);
        let Some(method) = named else {
            let names = plugin.connections.iter().map(|method| method.name.as_str());
            return Err(Failure::usage_maybe(
                format!("`{}` has no connection `{name}`.", plugin.name),
                did_you_mean(name, names),
            ));
        };
        return if fits(&method) {
            Ok(method)
        } else {
            Err(unfit(plugin))
        };
    }
    let methods: Vec<&ConnectionMethod> = plugin.connections.iter().filter(fits).collect();
    match methods.as_slice() {
        [] => Err(unfit(plugin)),
        [only] => Ok(only),
        _ => {
            let names: Vec<String> = methods.iter().map(|method| method.name.clone()).collect();
            if !terminal.can_ask() {
                return Err(Failure::usage(
                    format!("`{}` has several connections.", plugin.name),
                    format!("Name one with --connection: {}.", names.join(", ")),
                ));
            }
            let name = prompt::choice("Which connection?", names)?;
            let chosen = methods.iter().find(|method| method.name == name);
            chosen.copied().ok_or(Failure::Interrupted)
        }
    }
}

fn unfit(plugin: &Integration) -> Failure {
    let name = &plugin.name;
    if plugin
        .connections
        .iter()
        .all(|method| method.mode == "none")
    {
        return Failure::usage(
            format!("`{name}` needs no connection."),
            format!("Call it: `gestalt plugin describe {name}` shows its operations."),
        );
    }
    Failure::usage(
        format!("`{name}` has no connection of that kind."),
        "A shared credential is set with --platform, your own without.",
    )
}

/// Every field's value: from its flag, else from the person.
async fn collect(
    method: &ConnectionMethod,
    mut given: BTreeMap<String, Given>,
    terminal: Terminal,
) -> Result<BTreeMap<String, String>, Failure> {
    let known: Vec<&str> = method
        .fields
        .iter()
        .map(|field| field.name.as_str())
        .collect();
    if let Some(name) = given.keys().find(|name| !known.contains(&name.as_str())) {
        return Err(Failure::usage(
            format!("There is no field `{name}`."),
            did_you_mean(name, known.iter().copied())
                .unwrap_or_else(|| format!("There are: {}.", known.join(", "))),
        ));
    }
    check(method, &given, terminal)?;
    let mut credentials = BTreeMap::new();
    for field in &method.fields {
        let value = match given.remove(&field.name) {
            Some(Given::Value(value)) => value,
            Some(Given::File(path)) => input::secret(Path::new(&path)).await?.expose().to_owned(),
            None if terminal.can_ask() => ask(field, terminal)?,
            None => continue,
        };
        if !value.is_empty() || field.required {
            credentials.insert(field.name.clone(), value);
        }
    }
    Ok(credentials)
}

/// Finds all that is wrong with the flags before anything is read or asked.
fn check(
    method: &ConnectionMethod,
    given: &BTreeMap<String, Given>,
    terminal: Terminal,
) -> Result<(), Failure> {
    for field in &method.fields {
        let name = &field.name;
        match given.get(name) {
            Some(Given::Value(_)) if field.secret => {
                return Err(Failure::usage(
                    format!(
                        "The field `{name}` is secret, and a flag's value can be seen by others."
                    ),
                    format!(
                        "Use `--secret-file {name}=FILE` or `--secret-stdin {name}`. If what you \
                         typed is in your shell's history, remove it there."
                    ),
                ));
            }
            None if field.required && !terminal.can_ask() => {
                let flags = if field.secret {
                    format!("`--secret-file {name}=FILE` or `--secret-stdin {name}`")
                } else {
                    format!("`--field {name}=…`")
                };
                return Err(Failure::usage(
                    format!("The field `{name}` is needed, and nobody can be asked for it."),
                    format!("Add {flags}."),
                ));
            }
            _ => {}
        }
    }
    Ok(())
}

fn ask(field: &Field, terminal: Terminal) -> Result<String, Failure> {
    let mut help: Vec<&str> = Vec::new();
    help.extend(field.description.as_deref());
    help.extend(field.placeholder.as_deref());
    if !field.required {
        help.push("may be left empty");
    }
    let help = printable(&help.join(" · "));
    let label = format!("{}:", printable(&field.label));
    loop {
        let value = if field.secret {
            prompt::secret(&label, &help)?
        } else {
            prompt::text(&label, &help, "")?
        };
        if !value.is_empty() || !field.required {
            return Ok(value);
        }
        terminal.note("It is needed.");
    }
}
