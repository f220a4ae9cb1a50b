"""Calls that succeed, for schemathesis to make besides its own.

It cannot know what a plugin's credential and arguments look like; the daemon
of the test serves the demo, and says.
"""

import schemathesis

EXAMPLES = {
    "connectManual": {
        "body": {
            "integration": "demo",
            "instance": "example",
            "credentials": {"api_key": "demo-of-schemathesis"},
        },
    },
    "invoke": {
        "path_parameters": {"integration": "demo", "operation": "create_note"},
        "body": {"title": "A note", "_instance": "default"},
    },
}


@schemathesis.hook
def before_add_examples(context, examples):
    example = EXAMPLES.get(context.operation.definition.raw.get("operationId"))
    if example is not None:
        more = {"media_type": "application/json"} | example
        examples.append(context.operation.Case(**more))
