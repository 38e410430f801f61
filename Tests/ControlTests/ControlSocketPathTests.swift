import Foundation
import Testing

@testable import Control

struct ControlSocketPathTests {
    private func directories(user: uid_t, owners: [uid_t] = [], _ environment: [String: String]) -> [String] {
        ControlSocketPath.candidates(config: "/no/where/c.yaml", environment: environment, user: user, owners: owners)
            .map(\.directory)
    }

    @Test func rootServesInRunWhateverItsEnvironmentSays() {
        #expect(directories(user: 0, ["XDG_RUNTIME_DIR": "/run/user/1000"]) == ["/run/podium", "/tmp/podium-0"])
    }

    @Test func usersServeInTheirRuntimeDirectoryElseInTmp() {
        #expect(
            directories(user: 1000, ["XDG_RUNTIME_DIR": "/run/user/1000"])
                == ["/run/user/1000/podium", "/tmp/podium-1000"])
        #expect(directories(user: 1000, [:]) == ["/tmp/podium-1000"])
        #expect(directories(user: 1000, ["XDG_RUNTIME_DIR": "relative"]) == ["/tmp/podium-1000"])
    }

    @Test func aServiceServesWhereSystemdSays() {
        #expect(directories(user: 990, ["RUNTIME_DIRECTORY": "/run/a:/run/b"]) == ["/run/a", "/tmp/podium-990"])
    }

    @Test func rootAlsoLooksWhereTheOwnerServes() {
        #expect(
            directories(user: 0, owners: [1000], [:])
                == ["/run/podium", "/tmp/podium-0", "/run/user/1000/podium", "/tmp/podium-1000"])
    }

    @Test func aDirectoryThatIsTooLongIsPassedOver() {
        let long = "/" + String(repeating: "x", count: ControlSocketPath.longest)
        #expect(directories(user: 1000, ["XDG_RUNTIME_DIR": long]) == ["/tmp/podium-1000"])
    }

    /// A folder with a configuration in `one`, another in `two`, and a link `current` to `one`.
    private func withFolders(_ body: (URL) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "cp-\(UUID().uuidString.prefix(8))")
        for name in ["one", "two"] {
            let place = folder.appending(path: name)
            try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
            try Data("x".utf8).write(to: place.appending(path: "config.yaml"))
        }
        defer { try? FileManager.default.removeItem(at: folder) }
        symlink("one", folder.path + "/current")
        try await body(folder)
    }

    @Test func theNameStaysWhenALinkIsSwitched() async throws {
        try await withFolders { folder in
            func names(_ path: String) -> [String] {
                [
                    ControlSocketPath.forServing(config: path, environment: [:]).first?.name ?? "",
                    ControlSocketPath.resolvedName(path),
                ]
            }
            let before = names(folder.path + "/current/config.yaml")
            #expect(before[0] != before[1])
            // By the path without links both names are one, and it is the second of everybody who comes through a link.
            #expect(names(folder.path + "/one/./config.yaml") == [before[1], before[1]])
            unlink(folder.path + "/current")
            symlink("two", folder.path + "/current")
            let after = names(folder.path + "/current/config.yaml")
            #expect(after[0] == before[0])
            #expect(after[1] != before[1])
            // Also before the file is there.
            let absent = names(folder.path + "/current/new.yaml")
            try Data().write(to: folder.appending(path: "two/new.yaml"))
            #expect(names(folder.path + "/current/new.yaml") == absent)
        }
    }

    /// Whoever names the file finds the server, by its path, by another one, and after the link was switched.
    @Test func everyPathToAFileLeadsToItsSocket() async throws {
        try await withFolders { folder in
            let sockets = folder.appending(path: "sockets").path
            let environment = ["RUNTIME_DIRECTORY": sockets]
            func find(_ path: String) -> String? {
                ControlSocketPath.find(config: folder.path + path, environment: environment)?.path
            }
            let config = folder.path + "/current/config.yaml"
            let path = try #require(ControlSocketPath.forServing(config: config, environment: environment).first)
            var socket = ControlSocket(path)
            try socket.prepare()
            let listener = try Self.listen(at: socket.provisional)
            defer { close(listener) }
            try socket.publish()
            #expect(find("/current/config.yaml") == path.path)
            #expect(find("/one/config.yaml") == nil)
            socket.publish(alias: ControlSocketPath.resolvedName(config))
            #expect(find("/one/config.yaml") != nil)
            symlink("one/config.yaml", folder.path + "/other.yaml")
            #expect(find("/other.yaml") == find("/one/config.yaml"))
            unlink(folder.path + "/current")
            symlink("two", folder.path + "/current")
            socket.publish(alias: ControlSocketPath.resolvedName(config))
            #expect(find("/current/config.yaml") == path.path)
            #expect(find("/two/config.yaml") != nil)
            #expect(find("/one/config.yaml") == nil)
            socket.remove()
            #expect(try FileManager.default.contentsOfDirectory(atPath: sockets) == [])
        }
    }

    /// An older server knows the name by the path without links alone.
    @Test func anOlderServersSocketIsFound() async throws {
        try await withFolders { folder in
            let sockets = folder.appending(path: "sockets").path
            mkdir(sockets, 0o700)
            let config = folder.path + "/current/config.yaml"
            let old = sockets + "/" + ControlSocketPath.resolvedName(config)
            let listener = try Self.listen(at: old)
            defer { close(listener) }
            #expect(ControlSocketPath.find(config: config, environment: ["RUNTIME_DIRECTORY": sockets])?.path == old)
        }
    }

    private static func listen(at path: String) throws -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(result == 0 && Glibc.listen(descriptor, 1) == 0)
        return descriptor
    }

    @Test func theNameIsAHashOfThePath() {
        // FNV-1a of the empty text is its offset basis; of one byte it is one round.
        let path = ControlSocketPath.candidates(config: "/a", environment: [:], user: 1, owners: [])
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in "/a".utf8 {
            hash = (hash ^ UInt64(byte)) &* 1_099_511_628_211
        }
        #expect(path.first?.name == String(format: "%016lx.sock", hash))
    }
}
