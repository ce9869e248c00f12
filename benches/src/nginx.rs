//! The peer of downloads: nginx with sendfile, on a folder.
//! Must not know what it serves.

use std::{
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::ensure;

use crate::house::Server;

/// Serves the folder `dir/www`; what nginx writes lies in `dir` too.
pub fn serve(dir: &Path) -> anyhow::Result<Server> {
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let at = dir.display();
    // One process: it is asked on one connection, and ends when it is told to.
    let config = format!(
        "daemon off; master_process off; pid {at}/nginx.pid; error_log {at}/nginx.log;\n\
         events {{ worker_connections 256; }}\n\
         http {{\n\
           access_log off; sendfile on; tcp_nopush on; default_type application/octet-stream;\n\
           client_body_temp_path {at}/nginx-body; proxy_temp_path {at}/nginx-proxy;\n\
           fastcgi_temp_path {at}/nginx-fastcgi; uwsgi_temp_path {at}/nginx-uwsgi; scgi_temp_path {at}/nginx-scgi;\n\
           server {{ listen {address}; root {at}/www; }}\n\
         }}\n"
    );
    let file = dir.join("nginx.conf");
    fs::write(&file, config)?;
    // Debian keeps it out of the PATH of people.
    let path = format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default());
    let child = Command::new("nginx")
        .env("PATH", path)
        .arg("-p")
        .arg(dir)
        .arg("-c")
        .arg(&file)
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| anyhow::anyhow!("nginx cannot be started ({e}); Debian: apt install nginx-light"))?;
    let server = Server::known(child, address);
    wait(address)?;
    Ok(server)
}

fn wait(address: SocketAddr) -> anyhow::Result<()> {
    let started = Instant::now();
    while TcpStream::connect(address).is_err() {
        ensure!(started.elapsed() < Duration::from_secs(10), "nginx did not get ready");
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
