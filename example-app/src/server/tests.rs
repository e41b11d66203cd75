use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, TcpStream},
    thread::{self, JoinHandle},
};

use super::*;

/// A server in a thread, and where it is.
struct Running {
    address: SocketAddr,
    stopper: UnixStream,
    thread: JoinHandle<u64>,
}

impl Running {
    fn start() -> Self {
        let limits = Limits {
            entries: 1000,
            bytes: 64 << 20,
        };
        let server = Server::bind("127.0.0.1:0".parse().unwrap(), limits).unwrap();
        Self {
            address: server.address().unwrap(),
            stopper: server.stopper().unwrap(),
            thread: thread::spawn(|| server.run(None).unwrap().requests),
        }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        stream
    }

    fn stop(self) -> u64 {
        drop(self.stopper);
        self.thread.join().unwrap()
    }
}

/// Sends it all, closes that direction, and returns what comes until the server closes.
fn exchange(mut stream: TcpStream, input: &[u8]) -> String {
    stream.write_all(input).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut output = Vec::new();
    stream.read_to_end(&mut output).unwrap();
    output.escape_ascii().to_string()
}

#[test]
fn a_client_that_stops_sending_still_gets_its_replies() {
    let server = Running::start();
    let input = b"SET k v\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n\r\nNOPE\r\nPING";
    assert_eq!(
        exchange(server.connect(), input),
        r"+OK\r\n$1\r\nv\r\n-ERR unknown command \'NOPE\'\r\n"
    );
    assert_eq!(server.stop(), 3);
}

#[test]
fn quit_and_broken_protocol_close_the_connection() {
    let server = Running::start();
    assert_eq!(
        exchange(server.connect(), b"PING\r\nQUIT\r\nPING\r\n"),
        r"+PONG\r\n+OK\r\n"
    );
    assert_eq!(
        exchange(server.connect(), b"PING\r\n*1\r\n$x\r\nPING\r\n"),
        r"+PONG\r\n-ERR Protocol error: invalid bulk length\r\n"
    );
    assert_eq!(
        exchange(server.connect(), b"PING\r\n"),
        r"+PONG\r\n",
        "others are served"
    );
    server.stop();
}

#[test]
fn set_honours_its_condition() {
    let server = Running::start();
    let input = b"SET k 1 XX\r\nSET k 2 NX\r\nSET k 3 NX\r\nGET k\r\nSET k 4 XX\r\nGET k\r\n";
    assert_eq!(
        exchange(server.connect(), input),
        r"$-1\r\n+OK\r\n$-1\r\n$1\r\n2\r\n+OK\r\n$1\r\n4\r\n"
    );
    server.stop();
}

#[test]
fn a_client_hears_of_itself() {
    let server = Running::start();
    let stream = server.connect();
    let address = stream.local_addr().unwrap();
    let input = b"CLIENT SETNAME me\r\nCLIENT GETNAME\r\nCLIENT ID\r\nNONSENSE\r\nCLIENT INFO\r\n";
    let output = exchange(stream, input);
    let expected = format!("id=1 addr={address} name=me tot-cmds=5 errors=1 last-us=");
    assert!(
        output.starts_with(r"+OK\r\n$2\r\nme\r\n:1\r\n-ERR"),
        "{output}"
    );
    assert!(output.contains(&expected), "{output}");
    server.stop();
}

/// The state is shared by threads: what two clients do at once is done twice.
#[test]
fn clients_at_the_same_time_count_together() {
    let server = Running::start();
    let stream = || server.connect();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| exchange(stream(), "INCR n\r\n".repeat(1000).as_bytes()));
        }
    });
    assert_eq!(exchange(stream(), b"GET n\r\n"), r"$4\r\n8000\r\n");
    assert_eq!(server.stop(), 8001);
}

/// Clients that are idle do not keep it from stopping.
#[test]
fn it_stops_while_clients_are_connected() {
    let server = Running::start();
    let mut idle = server.connect();
    idle.write_all(b"PING\r\n").unwrap();
    let mut reply = [0; 7];
    idle.read_exact(&mut reply).unwrap();
    assert_eq!(server.stop(), 1);
    assert_eq!(idle.read(&mut reply).unwrap(), 0);
}

#[test]
fn commands_may_arrive_byte_by_byte() {
    let server = Running::start();
    let mut stream = server.connect();
    stream.set_nodelay(true).unwrap();
    for byte in b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2\r\n\r\n\r\nGET k\r\n" {
        stream.write_all(&[*byte]).unwrap();
        thread::sleep(Duration::from_millis(1));
    }
    let mut output = [0; 13];
    stream.read_exact(&mut output).unwrap();
    assert_eq!(&output, b"+OK\r\n$2\r\n\r\n\r\n");
    server.stop();
}

/// Replies pile up at a client that only sends: it must wait, and neither lose any nor stop
/// others from being served.
#[test]
fn a_client_that_does_not_read_is_not_read_from() {
    const GETS: usize = 200;
    let server = Running::start();
    let value = "v".repeat(1 << 20);
    let set = format!(
        "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n${}\r\n{value}\r\n",
        value.len()
    );
    assert_eq!(exchange(server.connect(), set.as_bytes()), r"+OK\r\n");

    let mut slow = server.connect();
    slow.write_all("GET k\r\n".repeat(GETS).as_bytes()).unwrap();
    thread::sleep(Duration::from_millis(200));
    let info = exchange(server.connect(), b"INFO stats\r\n");
    let ran: usize = info
        .split("keyspace_hits:")
        .nth(1)
        .and_then(|rest| rest.split('\\').next()?.parse().ok())
        .unwrap();
    assert!(
        ran < GETS,
        "{ran} replies of 1 MiB were made for a client that reads none"
    );

    slow.shutdown(Shutdown::Write).unwrap();
    let mut output = Vec::new();
    slow.read_to_end(&mut output).unwrap();
    assert_eq!(
        output.len(),
        GETS * format!("$1048576\r\n{value}\r\n").len()
    );
    server.stop();
}

#[test]
fn a_client_that_leaves_in_the_middle_takes_nothing_along() {
    let server = Running::start();
    for _ in 0..50 {
        let mut stream = server.connect();
        stream
            .write_all(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100\r\nabc")
            .unwrap();
    }
    assert_eq!(exchange(server.connect(), b"EXISTS k\r\n"), r":0\r\n");
    server.stop();
}
