"""A real SMTP server for tests, on a free port of loopback.

Prints its port, then one JSON line for each mail that it has taken. The local part of a recipient scripts what happens:
rcpt-CODE        RCPT TO is answered with CODE          rcpt-close   the connection is closed there
data-CODE        the end of the message is answered so  data-close   the connection is closed there, the mail taken
data-silence     the mail is taken and never answered
"""

import argparse
import asyncio
import email
import email.policy
import json
import ssl

from aiosmtpd.smtp import SMTP, AuthResult


def say(value):
    print(json.dumps(value), flush=True)


class Handler:
    def scripted(self, server, address, stage):
        local = address.split("@")[0]
        if not local.startswith(stage + "-"):
            return None
        action = local.removeprefix(stage + "-")
        if action == "close":
            server.transport.abort()
            return "421 closing"
        return action if action == "silence" else f"{action} as asked"

    async def handle_RCPT(self, server, session, envelope, address, options):
        answer = self.scripted(server, address, "rcpt")
        if answer is None:
            envelope.rcpt_tos.append(address)
        return answer or "250 OK"

    async def handle_DATA(self, server, session, envelope):
        answer = self.scripted(server, envelope.rcpt_tos[0], "data")
        if answer is None or answer in ("silence", "421 closing"):
            mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
            say({
                "from": envelope.mail_from,
                "to": envelope.rcpt_tos,
                "headers": {name.lower(): str(value) for name, value in mail.items()},
                "body": mail.get_content(),
                "tls": session.ssl is not None,
                "user": session.auth_data.login.decode() if session.authenticated else None,
            })
        if answer == "silence":
            await asyncio.sleep(3600)
        return answer or "250 taken"


def authenticate(server, session, envelope, mechanism, data):
    known = (data.login, data.password) == (b"shop", b"open-sesame")
    return AuthResult(success=known, auth_data=data, handled=False)


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--auth", action="store_true")
    parser.add_argument("--tls", nargs=2, metavar=("CERTIFICATE", "KEY"))
    options = parser.parse_args()
    settings = {"hostname": "mail.test", "enable_SMTPUTF8": True}
    if options.tls:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*options.tls)
        settings["tls_context"] = context
    if options.auth:
        settings |= {"authenticator": authenticate, "auth_required": True, "auth_require_tls": bool(options.tls)}
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(Handler(), **settings), "127.0.0.1", 0)
    say(server.sockets[0].getsockname()[1])
    await server.serve_forever()


asyncio.run(main())
