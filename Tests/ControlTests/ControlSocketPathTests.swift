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

    @Test func everyNameOfAFileLeadsToOneSocket() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "control-path-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: "config.yaml")
        try Data("x".utf8).write(to: file)
        let link = folder.appending(path: "link.yaml")
        try FileManager.default.createSymbolicLink(at: link, withDestinationURL: file)
        func name(_ path: String) -> String? {
            ControlSocketPath.forServing(config: path, environment: [:]).first?.name
        }
        #expect(name(file.path) == name(link.path))
        #expect(name(file.path) == name(folder.path + "/./config.yaml"))
        #expect(name(file.path) != name(folder.path + "/other.yaml"))
        // Also before the file is there.
        let before = name(folder.path + "/new.yaml")
        try Data().write(to: folder.appending(path: "new.yaml"))
        #expect(name(folder.path + "/new.yaml") == before)
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
