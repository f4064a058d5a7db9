//! A registry on this machine, for what is asked over the network.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::repo::Answer;

/// A server that answers each path with what it is told to, and notes what it was asked.
#[derive(Debug)]
pub struct Registry {
    url: String,
    notes: Arc<Notes>,
    /// One that never answers only listens.
    _silent: Option<TcpListener>,
}

#[derive(Debug, Default)]
struct Notes {
    asked: Mutex<Vec<String>>,
    answers: Mutex<BTreeMap<String, String>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Registry {
    /// Starts a registry that knows nothing yet.
    pub fn start() -> Answer<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let mut registry = Self::silent()?;
        registry.url = format!("http://{}", listener.local_addr()?);
        let notes = Arc::clone(&registry.notes);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                // A caller that hangs up is none of the registry's business.
                stream.and_then(|stream| serve(&stream, &notes)).ok();
            }
        });
        Ok(registry)
    }

    /// Starts one that takes calls and never answers.
    pub fn silent() -> Answer<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        Ok(Self {
            url: format!("http://{}", listener.local_addr()?),
            notes: Arc::default(),
            _silent: Some(listener),
        })
    }

    /// Returns its address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Decides what a path is answered with: a status, a newline and a body.
    pub fn answer(&self, path: &str, text: &str) {
        lock(&self.notes.answers).insert(path.to_owned(), text.to_owned());
    }

    /// Returns what was asked since the last time.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *lock(&self.notes.asked))
    }
}

fn serve(stream: &TcpStream, notes: &Notes) -> io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    let mut head = Vec::new();
    while let Some(line) = lines.next().transpose()?.filter(|line| !line.is_empty()) {
        head.push(line);
    }
    let path = head.first().and_then(|line| line.split(' ').nth(1));
    let answer = path.and_then(|path| lock(&notes.answers).get(path).cloned());
    lock(&notes.asked).push(head.join("\n"));
    let answer = answer.unwrap_or_else(|| "404 Not Found\n".into());
    let (status, body) = answer.split_once('\n').unwrap_or((&answer, ""));
    let length = body.len();
    let mut out = stream;
    write!(
        out,
        "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}
