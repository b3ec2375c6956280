//! `send_email` against a real SMTP server, and into the outbox.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use agent::email::Starttls;
use agent::{Agent, Error};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::smtp::SmtpServer;
use crate::tls;
use crate::world::{World, call, message, output, perform, summary};

#[tokio::test]
async fn a_mail_arrives_as_it_was_written() {
    let mut server = SmtpServer::start(&[]);
    let agent = world(&server).agent();
    let body = "Dear Ana,\n.\n..dots\r\nBcc: nobody\n\nGr\u{fc}\u{df}e \u{2708}\n";
    let to = json!(["Ana L\u{f3}pez <ana@example.com>", "bob@example.org"]);
    let call = call(
        &agent,
        "send_email",
        json!({ "to": to, "subject": "Dein Flug \u{2708}", "body": body }),
    );

    let output = output(agent.perform(&call).await);

    let mail = server.next();
    assert_eq!(
        output,
        json!({ "message_id": format!("<{}@example.com>", call.key) })
    );
    assert_eq!(mail["headers"]["message-id"], output["message_id"]);
    assert_eq!(mail["from"], "shop@example.com");
    assert_eq!(mail["to"], json!(["ana@example.com", "bob@example.org"]));
    assert_eq!(mail["headers"]["from"], "Shop <shop@example.com>");
    assert_eq!(
        mail["headers"]["to"],
        "Ana L\u{f3}pez <ana@example.com>, bob@example.org"
    );
    assert_eq!(mail["headers"]["subject"], "Dein Flug \u{2708}");
    assert_eq!(mail["headers"].get("bcc"), None);
    assert_eq!(text(&mail["body"]), body.replace("\r\n", "\n"));
}

#[tokio::test]
async fn how_far_the_conversation_came_decides_what_is_known() {
    let server = SmtpServer::start(&[]);
    let agent = world(&server).agent();
    for (to, expected) in [
        ("rcpt-450", "transient email.reply"),
        ("rcpt-421", "transient email.reply"),
        ("rcpt-550", "permanent email.reply"),
        ("rcpt-close", "transient email.connection"),
        ("data-451", "transient email.reply"),
        ("data-554", "permanent email.reply"),
        ("data-close", "unknown email.connection"),
        ("data-silence", "unknown email.timeout"),
    ] {
        let mut call = call(&agent, "send_email", mail(&format!("{to}@example.com")));
        call.timeout_seconds = if to == "data-silence" { 3 } else { 20 };
        let outcome = agent.perform(&call).await;
        assert_eq!(summary(&outcome), expected, "{to}: {outcome:?}");
    }
    let address = format!("127.0.0.1:{}", server.port);
    drop(server);
    assert_eq!(
        summary(&perform(&agent, "send_email", mail("ana@example.com")).await),
        "transient email.connection"
    );

    // A server that never says hello.
    let _silent = TcpListener::bind(&address).await.unwrap();
    let mut call = call(&agent, "send_email", mail("ana@example.com"));
    call.timeout_seconds = 1;
    assert_eq!(
        summary(&agent.perform(&call).await),
        "transient email.timeout"
    );
}

#[tokio::test]
async fn a_log_in_uses_the_secret_and_never_shows_it() {
    let mut server = SmtpServer::start(&["--auth"]);
    let with = |password: &str| {
        let mut world = world(&server).with_secret("mail", password, &["127.0.0.1"]);
        world.config.email.user = Some("shop".to_owned());
        world.config.email.password_secret = Some("mail".to_owned());
        world
    };
    let (right, wrong) = (with("open-sesame"), with("open-poppy"));

    assert_eq!(
        summary(&perform(&right.agent(), "send_email", mail("ana@example.com")).await),
        "succeeded"
    );
    assert_eq!(server.next()["user"], "shop");
    let refused = perform(&wrong.agent(), "send_email", mail("ana@example.com")).await;
    assert_eq!(summary(&refused), "permanent email.reply");
    assert!(!message(&refused).contains("open-poppy"));

    let open = SmtpServer::start(&[]);
    let mut nowhere = right;
    nowhere.config.email.smtp = Some(open.url());
    assert_eq!(
        summary(&perform(&nowhere.agent(), "send_email", mail("ana@example.com")).await),
        "permanent email.login"
    );
    nowhere.config.secrets.get_mut("mail").unwrap().hosts = vec!["other.test".to_owned()];
    let error = refusal(&nowhere);
    assert!(
        error.starts_with("email.password_secret: secrets.mail.hosts does not name 127.0.0.1"),
        "{error}"
    );
}

#[tokio::test]
async fn the_connection_changes_to_tls_where_it_can_and_never_goes_on_where_it_must() {
    let (certificate, key) = (tls::file("server.pem"), tls::file("server.key"));
    let mut server = SmtpServer::start(&[
        "--tls",
        certificate.to_str().unwrap(),
        key.to_str().unwrap(),
    ]);
    let mut trusting = world(&server);
    trusting.config.outbound.ca_file = Some(tls::file("ca.pem"));
    assert_eq!(
        summary(&perform(&trusting.agent(), "send_email", mail("ana@example.com")).await),
        "succeeded"
    );
    assert_eq!(server.next()["tls"], true);
    let strange = perform(
        &world(&server).agent(),
        "send_email",
        mail("ana@example.com"),
    )
    .await;
    assert_eq!(summary(&strange), "transient email.connection");

    let plain = SmtpServer::start(&[]);
    let mut strict = world(&plain);
    strict.config.email.starttls = Starttls::Required;
    assert_eq!(
        summary(&perform(&strict.agent(), "send_email", mail("ana@example.com")).await),
        "permanent email.tls"
    );
}

#[tokio::test]
async fn no_text_of_a_plan_becomes_a_header() {
    let world = World::new();
    let agent = world.agent();
    for input in [
        json!({ "to": "ana@example.com\r\nBcc: eve@example.com", "subject": "s", "body": "b" }),
        json!({ "to": ["ana@example.com", "bob@example.com\nX: y"], "subject": "s", "body": "b" }),
        json!({ "to": "ana@example.com", "subject": "s\r\nBcc: eve@example.com", "body": "b" }),
        json!({ "to": "ana@example.com", "subject": "s\u{0}", "body": "b" }),
        json!({ "to": [], "subject": "s", "body": "b" }),
        json!({ "to": vec!["ana@example.com"; 51], "subject": "s", "body": "b" }),
        json!({ "to": "ana@example.com", "subject": "s".repeat(256), "body": "b" }),
        json!({ "to": "ana@example.com", "subject": "s", "body": "b", "bcc": "eve@example.com" }),
    ] {
        let outcome = perform(&agent, "send_email", input.clone()).await;
        assert_eq!(summary(&outcome), "permanent input.invalid", "{input}");
    }
    for to in [
        "ana",
        "ana@",
        "a@b@c",
        "ana@example.com, eve@example.com",
        "ana@exam ple.com",
        "<>",
    ] {
        let outcome = perform(&agent, "send_email", mail(to)).await;
        assert!(
            matches!(
                summary(&outcome).as_str(),
                "permanent email.invalid" | "permanent input.invalid"
            ),
            "{to}: {outcome:?}"
        );
    }
    assert_eq!(fs::read_dir(world.outbox()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_repeat_into_the_outbox_leaves_one_mail() {
    let world = World::new();
    let agent = world.agent();
    let call = call(&agent, "send_email", mail("ana@example.com"));
    assert_eq!(
        output(agent.perform(&call).await),
        output(agent.perform(&call).await)
    );
    let files: Vec<_> = fs::read_dir(world.outbox())
        .unwrap()
        .map(|file| file.unwrap().file_name())
        .collect();
    assert_eq!(files, [format!("{}.eml", call.key).as_str()]);
    let written = fs::read_to_string(world.outbox().join(&files[0])).unwrap();
    assert!(
        written.contains("To: ana@example.com\r\n") && written.ends_with("\r\n\r\nYour seat.\r\n"),
        "{written}"
    );

    fs::remove_dir_all(world.outbox()).unwrap();
    assert_eq!(
        summary(&perform(&agent, "send_email", mail("ana@example.com")).await),
        "transient email.outbox"
    );
}

#[tokio::test]
async fn the_outbox_and_its_mails_are_their_owners_alone() {
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let new = World::new();
    let open = World::new();
    fs::create_dir(open.outbox()).unwrap();
    fs::set_permissions(open.outbox(), Permissions::from_mode(0o755)).unwrap();
    for world in [new, open] {
        let agent = world.agent();
        let call = call(&agent, "send_email", mail("ana@example.com"));
        let name = |end: &str| world.outbox().join(format!("{}.{end}", call.key));
        // What an earlier version may have left when it was killed.
        fs::write(name("tmp"), "Subj").unwrap();
        fs::set_permissions(name("tmp"), Permissions::from_mode(0o644)).unwrap();
        output(agent.perform(&call).await);
        assert_eq!((mode(world.outbox()), mode(&name("eml"))), (0o700, 0o600));
    }
}

#[test]
fn wrong_settings_are_named() {
    let with = |setting: &str, value: &str| {
        let mut world = World::new();
        let mut email = json!({ "from": "shop@example.com" });
        email[setting] = value.into();
        world.config.email = serde_json::from_value(email).unwrap();
        refusal(&world)
    };
    assert!(with("from", "nobody").starts_with("email.from: \"nobody\" is no address"));
    for address in [
        "127.0.0.1:25",
        "http://a",
        "smtp://",
        "smtp://a/path",
        "smtp://a?b=c",
        "smtp://user:pass@a",
    ] {
        assert!(
            with("smtp", address).starts_with("email.smtp: "),
            "{address}"
        );
    }
    assert!(with("user", "shop").starts_with("email.user: "));
}

/// A configuration that sends by this server.
fn world(server: &SmtpServer) -> World {
    let mut world = World::new();
    world.config.email.smtp = Some(server.url());
    world
}

fn mail(to: &str) -> Value {
    json!({ "to": to, "subject": "Your seat", "body": "Your seat.\n" })
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().replace("\r\n", "\n")
}

fn refusal(world: &World) -> String {
    let error: Error = Agent::open(world.config.clone()).err().unwrap();
    error.to_string()
}
