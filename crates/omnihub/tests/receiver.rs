//! A real HTTP receiver on loopback: answers as scripted, remembers everything that came, and can hold an answer back.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver as Channel, Sender, channel};
use std::sync::{Arc, Mutex};

use serde_json::Value;

/// A receiver.
pub(crate) struct Receiver {
    port: u16,
    script: Arc<Mutex<VecDeque<Answer>>>,
    arrivals: Channel<Arrival>,
}

/// A request that came.
#[derive(Debug, Clone)]
pub(crate) struct Arrival {
    pub(crate) path: String,
    pub(crate) key: String,
    pub(crate) body: Value,
}

/// What is answered to one request; without a script 200 and `{"id": "…"}`.
pub(crate) enum Answer {
    Status(u16),
    /// Nothing before this is told to go on.
    After(Channel<()>),
}

impl Receiver {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (arrived, arrivals) = channel();
        let script = Arc::new(Mutex::new(VecDeque::new()));
        let answers = Arc::clone(&script);
        // It ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (arrived, answers) = (arrived.clone(), Arc::clone(&answers));
                std::thread::spawn(move || serve(&stream.unwrap(), &arrived, &answers));
            }
        });
        Self {
            port,
            script,
            arrivals,
        }
    }

    pub(crate) fn authority(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The next request is answered so.
    pub(crate) fn answer(&self, answer: Answer) {
        self.script.lock().unwrap().push_back(answer);
    }

    /// Waits for a request.
    pub(crate) fn next(&self) -> Arrival {
        self.arrivals
            .recv_timeout(std::time::Duration::from_secs(120))
            .expect("a request comes within 120 s")
    }

    /// Every request that came and was not waited for.
    pub(crate) fn rest(&self) -> Vec<Arrival> {
        self.arrivals.try_iter().collect()
    }
}

fn serve(stream: &TcpStream, arrived: &Sender<Arrival>, script: &Mutex<VecDeque<Answer>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    while let Some(arrival) = read(&mut reader) {
        let id = format!("r-{}", &arrival.key[..arrival.key.len().min(8)]);
        // The test may have ended.
        drop(arrived.send(arrival));
        let answer = script.lock().unwrap().pop_front();
        let status = match answer {
            None => 200,
            Some(Answer::Status(status)) => status,
            Some(Answer::After(go)) => {
                // Told to go on, or the test is over: both end the wait.
                go.recv().unwrap_or_default();
                200
            }
        };
        let body = format!("{{\"id\":\"{id}\"}}");
        let head = format!(
            "HTTP/1.1 {status} Scripted\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        if (&mut &*stream)
            .write_all(format!("{head}{body}").as_bytes())
            .is_err()
        {
            return;
        }
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Arrival> {
    let mut line = String::new();
    if reader.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let path = line.split(' ').nth(1)?.to_owned();
    let (mut length, mut key) = (0, String::new());
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim().split_once(':') else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().ok()?,
            "idempotency-key" => key = value.trim().to_owned(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Arrival {
        path,
        key,
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
    })
}
