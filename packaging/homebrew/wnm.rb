# A formula with four gaps, which packaging/homebrew/fill fills at a release; it names no sum before there is a file.
class Wnm < Formula
  desc "Keeps as many Autonomi nodes on a machine as it can bear"
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

  # In place of cron, on macOS. On Linux take packaging/systemd: nodes under setsid would end with each pass of this one.
  service do
    run [opt_bin/"wnm", "--quiet"]
    run_type :interval
    interval 60
    environment_variables PATH: "#{Dir.home}/.local/bin:#{std_service_path_env}"
    log_path var/"log/wnm.log"
    error_log_path var/"log/wnm.log"
  end

  def caveats
    "A colony is founded by `wnm --init`; `brew services start wnm` then runs a pass each minute."
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/wnm --version")
    assert_match "there is no colony", shell_output("#{bin}/wnm --report node-status 2>&1", 1)
  end
end
