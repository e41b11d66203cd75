//! The other end of the protocol, as the demo needs it.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context as _, bail};

use crate::reply;

/// A reply as text: strings as they are, integers and errors with their sign, `nil`; arrays as
/// their elements.
pub(crate) type Reply = String;

#[derive(Debug)]
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).context("can't connect to the server")?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        Ok(Self {
            stream: BufReader::new(stream),
        })
    }

    /// Sends commands in one go and waits for all replies.
    pub(crate) fn pipeline(&mut self, commands: &[&[&str]]) -> anyhow::Result<Vec<Reply>> {
        let mut bytes = Vec::new();
        for words in commands {
            // Commands are written as replies are.
            let words = words.iter().map(|word| reply::Reply::bulk(*word));
            reply::Reply::Array(words.collect()).write(&mut bytes);
        }
        self.stream.get_mut().write_all(&bytes)?;
        commands.iter().map(|_| self.reply()).collect()
    }

    pub(crate) fn command(&mut self, words: &[&str]) -> anyhow::Result<Reply> {
        Ok(self.pipeline(&[words])?.concat())
    }

    /// Sends a line as one types it.
    pub(crate) fn typed(&mut self, line: &str) -> anyhow::Result<Reply> {
        write!(self.stream.get_mut(), "{line}\r\n")?;
        self.reply()
    }

    fn reply(&mut self) -> anyhow::Result<Reply> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let line = line
            .strip_suffix("\r\n")
            .context("the server closed the connection")?;
        let (sign, rest) = line.split_at_checked(1).context("an empty reply")?;
        match sign {
            "+" => Ok(rest.into()),
            "-" | ":" => Ok(line.into()),
            "$" if rest == "-1" => Ok("nil".into()),
            "$" => {
                let mut bytes = vec![0; rest.parse::<usize>()? + 2];
                self.stream.read_exact(&mut bytes)?;
                bytes.truncate(bytes.len() - 2);
                Ok(String::from_utf8(bytes)?)
            }
            "*" => (0..rest.parse()?).map(|_| self.reply()).collect(),
            _ => bail!("not a reply: {line:?}"),
        }
    }
}
