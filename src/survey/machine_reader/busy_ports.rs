//! Which ports of a node other programs use, and which programs these are.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, UdpSocket};

use nix::unistd::{Uid, User};

use crate::colony::{BusyPort, NodePorts};

/// The state of a listening socket in `/proc/net/tcp`.
const LISTENING: &str = "0A";

#[derive(Clone, Copy)]
enum Protocol {
    Tcp,
    Udp,
}

/// Checks ports. The processes of sockets are listed once, because a thousand ports may be in use.
#[derive(Default)]
pub struct PortChecker {
    pids: OnceCell<HashMap<u64, u32>>,
}

/// A line of `/proc/net/tcp` or `/proc/net/udp`.
struct Socket {
    port: u16,
    state: String,
    uid: u32,
    inode: u64,
}

impl PortChecker {
    /// The first of `ports` that is in use. The node port is UDP; at the other ports the node listens on TCP.
    pub fn busy(&self, ports: &NodePorts) -> Option<BusyPort> {
        if udp_is_taken(ports.node) {
            return Some(self.describe(ports.node, Protocol::Udp));
        }
        [ports.metrics, ports.rpc]
            .into_iter()
            .find(|port| tcp_is_taken(*port))
            .map(|port| self.describe(port, Protocol::Tcp))
    }

    fn describe(&self, port: u16, protocol: Protocol) -> BusyPort {
        let found = sockets(protocol).and_then(|all| all.into_iter().find(|socket| socket.port == port));
        BusyPort {
            port,
            program: found.and_then(|socket| self.program_of(&socket)),
        }
    }

    /// The program of a socket; for a process of another account only that account.
    fn program_of(&self, socket: &Socket) -> Option<String> {
        let pids = self.pids.get_or_init(pids_of_sockets);
        if let Some(pid) = pids.get(&socket.inode)
            && let Ok(name) = fs::read_to_string(format!("/proc/{pid}/comm"))
        {
            return Some(format!("`{}` (PID {pid})", name.trim()));
        }
        let user = User::from_uid(Uid::from_raw(socket.uid)).ok().flatten();
        let name = user.map_or_else(|| socket.uid.to_string(), |user| user.name);
        Some(format!("a program of the account `{name}`"))
    }
}

/// Whether a program listens at the port. An outgoing connection may use the same number, even for a minute after its
/// end, and keeps no listener away.
fn tcp_is_taken(port: u16) -> bool {
    let is_bound = port != 0
        && (is_in_use(TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)))
            || is_in_use(TcpListener::bind((Ipv6Addr::UNSPECIFIED, port))));
    is_bound && sockets(Protocol::Tcp).is_none_or(|all| all.iter().any(|socket| socket.port == port))
}

fn udp_is_taken(port: u16) -> bool {
    port != 0
        && (is_in_use(UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)))
            || is_in_use(UdpSocket::bind((Ipv6Addr::UNSPECIFIED, port))))
}

/// A port counts as in use only if the error says so; any other error is left to antnode.
fn is_in_use<T>(bound: io::Result<T>) -> bool {
    bound.is_err_and(|error| error.kind() == io::ErrorKind::AddrInUse)
}

/// The listening TCP sockets, or all UDP sockets, of this network namespace; None where `/proc` does not list them.
fn sockets(protocol: Protocol) -> Option<Vec<Socket>> {
    let (first, second) = match protocol {
        Protocol::Tcp => ("/proc/net/tcp", "/proc/net/tcp6"),
        Protocol::Udp => ("/proc/net/udp", "/proc/net/udp6"),
    };
    let mut table = fs::read_to_string(first).ok()?;
    // There is no second file where IPv6 is off.
    table.push_str(&fs::read_to_string(second).unwrap_or_default());
    let mut all = read_sockets(&table);
    if matches!(protocol, Protocol::Tcp) {
        all.retain(|socket| socket.state == LISTENING);
    }
    Some(all)
}

fn read_sockets(table: &str) -> Vec<Socket> {
    let read = |line: &str| {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let (_, port) = words.get(1)?.rsplit_once(':')?;
        Some(Socket {
            port: u16::from_str_radix(port, 16).ok()?,
            state: (*words.get(3)?).to_owned(),
            uid: words.get(7)?.parse().ok()?,
            inode: words.get(9)?.parse().ok()?,
        })
    };
    table.lines().filter_map(read).collect()
}

/// The process of each socket, as far as this account may see it.
fn pids_of_sockets() -> HashMap<u64, u32> {
    let mut pids = HashMap::new();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    for process in processes {
        let Some(pid) = process.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let files = fs::read_dir(process.path().join("fd"))
            .into_iter()
            .flatten()
            .flatten();
        for target in files.filter_map(|file| fs::read_link(file.path()).ok()) {
            let inode = target.to_str().and_then(|text| text.strip_prefix("socket:["));
            if let Some(inode) = inode.and_then(|text| text.strip_suffix(']')?.parse().ok()) {
                pids.insert(inode, pid);
            }
        }
    }
    pids
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    fn busy(node: u16, metrics: u16, rpc: u16) -> Option<BusyPort> {
        PortChecker::default().busy(&NodePorts { node, metrics, rpc })
    }

    fn number(busy: Option<BusyPort>) -> Option<u16> {
        busy.map(|busy| busy.port)
    }

    #[test]
    fn udp_decides_for_the_node_port_and_a_listener_for_the_others() {
        let held = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let tcp = held.local_addr().unwrap().port();
        let bound = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let udp = bound.local_addr().unwrap().port();
        assert_eq!(number(busy(0, tcp, 0)), Some(tcp));
        assert_eq!(number(busy(0, 0, tcp)), Some(tcp));
        assert_eq!(number(busy(udp, 0, 0)), Some(udp));
        assert_eq!(busy(tcp, udp, udp), None);
        assert_eq!(busy(0, 0, 0), None);
    }

    #[test]
    fn a_socket_of_ipv6_alone_counts() {
        let Ok(bound) = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)) else {
            return;
        };
        let udp = bound.local_addr().unwrap().port();
        assert_eq!(number(busy(udp, 0, 0)), Some(udp));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn an_outgoing_connection_is_no_listener() {
        let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let client = TcpStream::connect(server.local_addr().unwrap()).unwrap();
        let port = client.local_addr().unwrap().port();
        assert_eq!(busy(port, port, port), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn names_the_program_that_uses_the_port() {
        let held = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let tcp = held.local_addr().unwrap().port();
        let program = busy(0, tcp, 0).and_then(|busy| busy.program).unwrap_or_default();
        assert!(
            program.contains(&format!("(PID {})", std::process::id())),
            "{program}"
        );
    }

    #[test]
    fn reads_the_lines_of_the_kernel() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n \
            0: 0100007F:D6D9 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4242 1 0 100 0\n";
        let all = read_sockets(table);
        assert_eq!(all.len(), 1);
        let socket = &all[0];
        assert_eq!(
            (socket.port, socket.state.as_str(), socket.uid, socket.inode),
            (55_001, LISTENING, 1000, 4242)
        );
    }
}
