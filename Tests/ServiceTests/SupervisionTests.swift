import Foundation
@testable import Service
import Testing

/// A datagram socket in the place of a service manager's.
private final class Manager {
    let descriptor: Int32
    init(_ name: String) throws {
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let path = Array(name.utf8).map { $0 == UInt8(ascii: "@") ? 0 : $0 }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
        let length = socklen_t(2 + path.count)
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) }
        }
        try #require(result == 0)
    }
    deinit { close(descriptor) }

    var message: String? {
        var buffer = [UInt8](repeating: 0, count: 4_096)
        let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
        return count < 0 ? nil : String(decoding: buffer.prefix(count), as: UTF8.self)
    }
}

struct SupervisionTests {
    @Test(arguments: ["@podium-test-\(UUID().uuidString)", "/tmp/podium-test-\(UUID().uuidString)"])
    func aManagerHearsEachMessage(name: String) throws {
        let manager = try Manager(name)
        defer { unlink(name) }
        let notifier = ServiceNotifier(environment: ["NOTIFY_SOCKET": name], processID: 1)
        #expect(notifier.tell(.ready(status: "one\ntwo")))
        #expect(manager.message == "READY=1\nSTATUS=one two")
        #expect(notifier.tell(.reloading(monotonicMicroseconds: 42)))
        #expect(manager.message == "RELOADING=1\nMONOTONIC_USEC=42")
        #expect(notifier.tell(.stopping(within: .seconds(40))))
        #expect(manager.message == "STOPPING=1\nSTATUS=stopping\nEXTEND_TIMEOUT_USEC=40000000")
        #expect(notifier.tell(.watchdog))
        #expect(manager.message == "WATCHDOG=1")
    }

    @Test func withoutAManagerNothingHappens() {
        #expect(!ServiceNotifier(environment: [:], processID: 1).tell(.watchdog))
        #expect(!ServiceNotifier(environment: ["NOTIFY_SOCKET": "/nonexistent/socket"], processID: 1).tell(.watchdog))
        for nonsense in ["", "@", "relative", "vsock:2:1", "/" + String(repeating: "x", count: 107)] {
            #expect(NotifyAddress(nonsense) == nil, "\(nonsense)")
        }
    }

    @Test func theWatchdogIsToldTwiceInItsTimeAndOnlyByItsProcess() {
        func interval(_ environment: [String: String]) -> Duration? {
            ServiceNotifier(environment: environment, processID: 7).watchdogInterval
        }
        #expect(interval(["WATCHDOG_USEC": "30000000"]) == .seconds(15))
        #expect(interval(["WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "7"]) == .seconds(15))
        #expect(interval(["WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "8"]) == nil)
        #expect(interval(["WATCHDOG_USEC": "soon"]) == nil)
        #expect(interval([:]) == nil)
    }

    @Test func credentialsAreVariablesThatTheEnvironmentDoesNotSet() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("podium-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let files = [
            "MAIN_KEY": "sk-1\r\n", "SET": "from-file", "EMPTY": "from-file", "not-a-name": "x", "9LIVES": "x",
            "HUGE": String(repeating: "x", count: 70_000),
        ]
        for (name, text) in files {
            try text.write(to: folder.appendingPathComponent(name), atomically: false, encoding: .utf8)
        }
        let environment = ["CREDENTIALS_DIRECTORY": folder.path, "SET": "from-environment", "EMPTY": ""]
        let merged = Credentials.added(to: environment)
        #expect(
            merged == [
                "CREDENTIALS_DIRECTORY": folder.path, "SET": "from-environment", "EMPTY": "from-file",
                "MAIN_KEY": "sk-1",
            ])
        #expect(Credentials.added(to: ["A": "b"]) == ["A": "b"])
        #expect(Credentials.added(to: ["CREDENTIALS_DIRECTORY": "/nonexistent"]).count == 1)
    }
}

struct HangUpMeaningTests {
    @Test func aTerminalGoesAwayOnceAndThenItIsAReload() {
        var meaning = HangUpMeaning(hasTerminal: true)
        #expect(meaning.received() == .terminalGone)
        #expect(meaning.received() == .reload)
    }

    @Test func withoutATerminalItIsAReloadAtOnce() {
        var service = HangUpMeaning(hasTerminal: false)
        #expect(service.received() == .reload)
        var console = HangUpMeaning(hasTerminal: true)
        console.terminalIsGone()
        #expect(console.received() == .reload)
    }
}

struct ProgramCodeTests {
    /// Kilobytes of this program's code that are mapped at the moment.
    private func mappedCode() throws -> Int {
        let program = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        var total = 0
        var isCode = false
        for line in try String(contentsOfFile: "/proc/self/smaps", encoding: .utf8).split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count >= 6, words[1].count == 4 { isCode = words[1] == "r-xp" && line.hasSuffix(program) }
            if isCode, words.first == "Rss:" { total += Int(words[1]) ?? 0 }
        }
        return total
    }

    @Test func whatTheStartNeededIsLetGo() throws {
        let before = try mappedCode()
        ProgramCode.letGoOfStart()
        // It goes on, with less of it mapped.
        #expect(try mappedCode() < before)
    }
}
