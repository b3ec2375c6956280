//! Tools like those built in (CONTRACT §3), for tests.

use serde_json::{Value, json};

use crate::schema::ToolSchemas;
use crate::tool::{ClassMatch, ClassRule, EffectClass, Lane, ToolSpec};

pub(crate) fn tools() -> ToolSchemas {
    let tools = record_tools().into_iter().chain(other_tools());
    ToolSchemas::compile(tools.collect()).unwrap()
}

fn record_tools() -> [ToolSpec; 3] {
    let text = json!({"type": "string"});
    let row = json!({"type": "object"});
    let key = json!({"type": ["string", "integer"]});
    let mut search = tool("search_database", EffectClass::Read, Lane::Green, &[]);
    search.input_schema = closed(
        json!(["table"]),
        json!({"table": text, "filters": {"type": "object"}, "limit": {"type": "integer", "minimum": 1, "maximum": 1000}}),
    );
    search.output_schema = closed(
        json!(["rows", "count"]),
        json!({"rows": {"type": "array", "items": row}, "count": {"type": "integer"}}),
    );
    let mut create = tool(
        "create_record",
        EffectClass::Idempotent,
        Lane::Yellow,
        &["delete_record"],
    );
    create.input_schema = closed(
        json!(["table", "data"]),
        json!({"table": text, "data": row}),
    );
    create.compensation_schema = Some(closed(
        json!(["table", "before"]),
        json!({"table": text, "before": row}),
    ));
    create.output_schema = closed(json!(["id", "row"]), json!({"id": key, "row": row}));
    let mut delete = tool(
        "delete_record",
        EffectClass::Idempotent,
        Lane::Red,
        &["create_record"],
    );
    delete.input_schema = closed(json!(["table", "id"]), json!({"table": text, "id": key}));
    delete.output_schema = closed(json!(["id", "before"]), json!({"id": key, "before": row}));
    [search, create, delete]
}

fn other_tools() -> [ToolSpec; 5] {
    let text = json!({"type": "string"});
    let any = json!({});
    let mut mail = tool("send_email", EffectClass::AtMostOnce, Lane::Red, &[]);
    mail.input_schema = closed(
        json!(["to", "subject", "body"]),
        json!({"to": {"type": "string", "format": "email"}, "subject": text, "body": text}),
    );
    mail.output_schema = closed(json!(["message_id"]), json!({"message_id": text}));
    let mut webhook = tool(
        "call_webhook",
        EffectClass::AtMostOnce,
        Lane::Yellow,
        &["call_webhook"],
    );
    webhook.input_schema = closed(
        json!(["url", "method", "payload"]),
        json!({
            "url": {"type": "string", "format": "uri"}, "method": {"enum": ["POST", "PUT"]}, "payload": any,
            "headers": {"type": "object", "additionalProperties": text},
        }),
    );
    webhook.output_schema = closed(
        json!(["status_code", "body"]),
        json!({"status_code": {"type": "integer"}, "body": any}),
    );
    webhook.secrets_at = Some("/headers".into());
    webhook.class_rules = vec![ClassRule {
        pointer: "/url".into(),
        matches: ClassMatch::Authority("pay.example.com".into()),
        class: EffectClass::Idempotent,
        window_seconds: Some(86_400),
    }];
    let mut respond = tool("respond_to_user", EffectClass::Read, Lane::Green, &[]);
    respond.input_schema = closed(json!(["message"]), json!({"message": text}));
    respond.output_schema = closed(json!(["reply"]), json!({"reply": text}));
    let mut wait = tool("wait", EffectClass::Read, Lane::Green, &[]);
    wait.input_schema = json!({
        "type": "object", "additionalProperties": false,
        "properties": {"seconds": {"type": "integer"}, "until": {"type": "string", "format": "date-time"}},
        "oneOf": [{"required": ["seconds"]}, {"required": ["until"]}],
    });
    wait.output_schema = closed(json!([]), json!({}));
    let blocked = tool(
        "drop_table",
        EffectClass::Idempotent,
        Lane::Blocked,
        &["drop_table"],
    );
    [mail, webhook, respond, wait, blocked]
}

fn closed(required: Value, properties: Value) -> Value {
    json!({"type": "object", "additionalProperties": false, "required": required, "properties": properties})
}

fn tool(name: &str, class: EffectClass, lane: Lane, undone_by: &[&str]) -> ToolSpec {
    ToolSpec {
        name: name.into(),
        description: String::new(),
        input_schema: json!({"type": "object"}),
        compensation_schema: None,
        output_schema: json!({"type": "object"}),
        class,
        class_rules: Vec::new(),
        lane,
        undone_by: undone_by.iter().map(|name| (*name).to_owned()).collect(),
        secrets_at: None,
        concurrency: 8,
        timeout_seconds: 30,
    }
}
