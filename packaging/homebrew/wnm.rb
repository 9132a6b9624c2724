# A template with four placeholders, which packaging/homebrew/fill replaces at a release.
class Wnm < Formula
  desc "Runs as many Autonomi nodes as CPU, memory and disk allow"
  homepage "@HOMEPAGE@"
  url "@URL@"
  version "@VERSION@"
  sha256 "@SHA256@"
  license "GPL-3.0-or-later"

  depends_on "rust" => :build

  def install
    system "cargo", "install", "--bin", "wnm", *std_cargo_args
    generate_completions_from_executable(bin/"wnm", "--completions", shells: [:bash, :zsh, :fish])
    (man1/"wnm.1").write Utils.safe_popen_read(bin/"wnm", "--man")
  end

  # Replaces cron on macOS. On Linux use packaging/systemd: with this service, nodes of the manager setsid would end after each run.
  service do
    run [opt_bin/"wnm", "--quiet"]
    run_type :interval
    interval 60
    environment_variables PATH: "#{Dir.home}/.local/bin:#{std_service_path_env}"
    log_path var/"log/wnm.log"
    error_log_path var/"log/wnm.log"
  end

  def caveats
    "Run `wnm --init` first; then `brew services start wnm` runs wnm every minute."
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/wnm --version")
    assert_match "there is no colony", shell_output("#{bin}/wnm --report node-status 2>&1", 1)
  end
end
