//! Settings of what the server is connected to: people's identities, databases, mail, other servers.

use crate::config::setting::{Kind, Section, Setting};

pub(super) const SECTIONS: &[Section] = &[
    Section {
        pattern: "auth",
        header: "[auth]",
        meaning: "Who may call.",
    },
    Section {
        pattern: "auth.issuers[]",
        header: "[[auth.issuers]]",
        meaning: "An issuer of tokens that are taken. Either jwks_file or hs256_secret names its keys.",
    },
    Section {
        pattern: "databases.*",
        header: "[databases.shop]",
        meaning: "A connected database: what the record tools may touch, nothing else. The name is yours.",
    },
    Section {
        pattern: "databases.*.tables.*",
        header: "[databases.shop.tables.orders]",
        meaning: "A table of it. Plans call it `orders`, or `shop.orders` where two databases have one.",
    },
    Section {
        pattern: "email",
        header: "[email]",
        meaning: "Mail that send_email and notices send.",
    },
    Section {
        pattern: "outbound",
        header: "[outbound]",
        meaning: "Requests to other servers. Private and local addresses are refused but for these exceptions.",
    },
    Section {
        pattern: "outbound.receivers[]",
        header: "[[outbound.receivers]]",
        meaning: "A receiver that honours Idempotency-Key: a call to it may be repeated under its key.",
    },
    Section {
        pattern: "secrets.*",
        header: "[secrets.pay_token]",
        meaning: "A secret that plans name by {\"$secret\": \"pay_token\"} in headers. One of env and file.",
    },
    Section {
        pattern: "notify",
        header: "[notify]",
        meaning: "Who is told that an approval is asked, a step is in doubt, a goal is stuck or has ended.",
    },
];

pub(super) const SETTINGS: &[Setting] = &[
    Setting::new("auth.development", Kind::Flag, "Take tokens of `omnihub token mint`, whose key lies in the data directory.")
        .default("true"),
    Setting::new(
        "auth.development_beyond_loopback",
        Kind::Flag,
        "Listen past loopback although tokens of `omnihub token mint` are taken.",
    )
    .default("false"),
    Setting::new(
        "auth.platform_tenant",
        Kind::Text,
        "Tenant whose admins may set controls for every tenant; empty: none.",
    )
    .default("\"\""),
    Setting::new("auth.issuers[].issuer", Kind::Text, "The `iss` of its tokens.")
        .example("\"https://project.supabase.co/auth/v1\"")
        .required(),
    Setting::new("auth.issuers[].audience", Kind::Text, "The `aud` that its tokens must name.")
        .example("\"authenticated\"")
        .required(),
    Setting::new("auth.issuers[].algorithms", Kind::Texts, "The algorithms taken: EdDSA, ES256, RS256 or HS256.")
        .example("[\"ES256\"]")
        .required(),
    Setting::new("auth.issuers[].jwks_file", Kind::Path, "File of its key set.").example("\"issuer.jwks.json\""),
    Setting::new(
        "auth.issuers[].jwks_url",
        Kind::Text,
        "URL of its key set. NOT YET: this version refuses to start with it; save the set and name it by jwks_file.",
    )
    .example("\"https://project.supabase.co/auth/v1/.well-known/jwks.json\""),
    Setting::new("auth.issuers[].hs256_secret", Kind::Text, "The shared secret of an HS256 issuer, at least 32 bytes.")
        .example("\"…\"")
        .secret(),
    Setting::new("auth.issuers[].tenant_claim", Kind::Text, "JSON Pointer to the tenant in its tokens.")
        .default("\"/app_metadata/tenant_id\""),
    Setting::new("auth.issuers[].role_claim", Kind::Text, "JSON Pointer to the role in its tokens.")
        .default("\"/app_metadata/role\""),
    Setting::new(
        "auth.issuers[].default_tenant",
        Kind::Text,
        "Tenant of a token that names none; empty: such a token is refused.",
    )
    .default("\"\""),
    Setting::new("databases.*.url", Kind::Database, "`sqlite:PATH` of a file that exists.")
        .example("\"sqlite:shop.db\"")
        .required(),
    Setting::new(
        "databases.*.effects_table",
        Kind::Flag,
        "Keep the table omnihub_effects in it, which makes writes safe to repeat. Without it a write is at_most_once.",
    )
    .default("true"),
    Setting::new("databases.*.tables.*.key", Kind::Text, "The column that names a row.").example("\"id\"").required(),
    Setting::new("databases.*.tables.*.columns", Kind::Texts, "The columns that may be read.")
        .example("[\"id\", \"email\", \"status\", \"amount\"]")
        .required(),
    Setting::new("databases.*.tables.*.writable", Kind::Texts, "The columns that may be written; absent: none.")
        .example("[\"status\"]"),
    Setting::new("databases.*.tables.*.insert", Kind::Flag, "Rows may be created.").default("false"),
    Setting::new("databases.*.tables.*.delete", Kind::Flag, "Rows may be deleted.").default("false"),
    Setting::new("email.from", Kind::Text, "The sender's address.").default("\"omnihub@localhost\""),
    Setting::new(
        "email.smtp",
        Kind::Text,
        "smtp://host[:25] or smtps://host[:465]; absent: mail goes into the folder `outbox` of the data directory.",
    )
    .example("\"smtp://127.0.0.1:1025\""),
    Setting::new("email.user", Kind::Text, "The user to log in as; absent: no log-in.").example("\"shop\""),
    Setting::new(
        "email.password_secret",
        Kind::Text,
        "Name of the secret that holds the user's password; its `hosts` names the mail server.",
    )
    .example("\"mail_password\""),
    Setting::new(
        "email.starttls",
        Kind::Word(&["offered", "required"]),
        "When an smtp:// connection changes to TLS; a password to a server past loopback makes it required.",
    )
    .default("\"offered\""),
    Setting::new("outbound.allow", Kind::Texts, "Exact host[:port], or a suffix that begins with `*.`.")
        .example("[\"127.0.0.1:9000\", \"*.example.com\"]"),
    Setting::new("outbound.ca_file", Kind::Path, "PEM file of certificate authorities trusted beside the public ones.")
        .example("\"house-ca.pem\""),
    Setting::new("outbound.receivers[].host", Kind::Text, "Its host[:port].").example("\"127.0.0.1:9000\"").required(),
    Setting::new("outbound.receivers[].idempotency", Kind::Word(&["key"]), "What it honours.").default("\"key\""),
    Setting::new(
        "outbound.receivers[].window_hours",
        Kind::Whole { min: 1, max: 8_760 },
        "Hours that it remembers a key; repeats stop then and become a doubt.",
    )
    .default("24"),
    Setting::new("secrets.*.env", Kind::Text, "Variable of the environment that holds it.").example("\"PAY_TOKEN\""),
    Setting::new("secrets.*.file", Kind::Path, "File that holds it.").example("\"pay_token.txt\""),
    Setting::new("secrets.*.hosts", Kind::Texts, "The only hosts that it is sent to.").example("[\"127.0.0.1:9000\"]").required(),
    Setting::new("notify.webhook", Kind::Text, "URL that gets each notice as JSON, through the outbound guard.")
        .example("\"https://hooks.example.com/omnihub\""),
    Setting::new("notify.email", Kind::Text, "Address that gets each notice by mail.").example("\"desk@example.com\""),
];
