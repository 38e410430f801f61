import Foundation
import PodiumModel
import TestSupport
import Testing

@testable import Control

@Suite(.timeLimit(.minutes(15)))
struct SocketTests {
    private func mode(_ path: String) throws -> Int {
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        return try #require(attributes[.posixPermissions] as? Int)
    }

    @Test func onlyTheOwnerMayUseIt() async throws {
        try await ControlHarness.run { podium in
            let folder = (podium.socket as NSString).deletingLastPathComponent
            let modes = try [mode(podium.socket), mode(folder)]
            #expect(modes == [0o600, 0o700])
        }
    }

    @Test func aDirectoryThatIsOpenToOthersIsClosed() async throws {
        try await ControlHarness.run { podium in
            let folder = podium.folder.appending(path: "open").path
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o777])
            try ControlSocket(ControlSocketPath(directory: folder, name: "x.sock")).prepare()
            let mode = try mode(folder)
            #expect(mode == 0o700)
        }
    }

    @Test func whatIsNoDirectoryOfOursIsLeftAlone() async throws {
        try await ControlHarness.run { podium in
            let file = podium.folder.appending(path: "file").path
            try Data().write(to: URL(filePath: file))
            let link = podium.folder.appending(path: "link").path
            try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: "/tmp")
            for path in [file, link, "/no/where"] {
                #expect(throws: ControlSocketError.self) {
                    try ControlSocket(ControlSocketPath(directory: path, name: "x.sock")).prepare()
                }
            }
        }
    }

    @Test func aLiveSocketIsNotTaken() async throws {
        try await ControlHarness.run { podium in
            let other = ControlServer(
                engine: podium.engine, facts: ServerFacts(version: "", isDemo: false), limits: ControlLimits())
            let path = ControlSocketPath(
                directory: (podium.socket as NSString).deletingLastPathComponent,
                name: (podium.socket as NSString).lastPathComponent)
            await #expect(throws: ControlSocketError.self) { try await other.listen(at: path) }
            _ = try await podium.client.snapshot()
        }
    }

    @Test func theDeadOnesAreReplacedAndSwept() async throws {
        try await ControlHarness.run { podium in
            let folder = podium.folder.appending(path: "dead").path
            let path = ControlSocketPath(directory: folder, name: "x.sock")
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
            for name in ["x.sock", "y.sock"] {
                try makeDeadSocket(folder + "/" + name)
            }
            try Data("keep".utf8).write(to: URL(filePath: folder + "/z.sock"))
            let server = ControlServer(
                engine: podium.engine, facts: ServerFacts(version: "", isDemo: false), limits: ControlLimits())
            _ = try await server.listen(at: path)
            let during = try FileManager.default.contentsOfDirectory(atPath: folder)
            #expect(during.sorted() == ["x.sock", "z.sock"])
            _ = try await ControlHarness.client(of: path.path).snapshot()
            await server.stop()
            let after = try FileManager.default.contentsOfDirectory(atPath: folder)
            #expect(after == ["z.sock"])
        }
    }

    @Test func atTheEndOnlyItsOwnSocketGoes() async throws {
        try await ControlHarness.run { podium in
            unlink(podium.socket)
            try makeDeadSocket(podium.socket)
            await podium.server.stop()
            #expect(FileManager.default.fileExists(atPath: podium.socket))
        }
    }

    @Test func whereNobodyListensTheClientSaysSo() async throws {
        let client = ControlClient(socketPath: "/tmp/pc-nobody/x.sock", operatorName: "")
        await #expect(
            throws: ControlClientError.unreachable(path: "/tmp/pc-nobody/x.sock", reason: "no Podium serves there")
        ) {
            try await client.snapshot()
        }
    }

    @Test func anAnswerThatDoesNotComeIsNotWaitedForForever() async throws {
        let path = "/tmp/pc-mute-\(UInt32.random(in: .min ... .max)).sock"
        let descriptor = try bindSocket(path)
        defer {
            close(descriptor)
            unlink(path)
        }
        listen(descriptor, 4)
        var client = ControlClient(socketPath: path, operatorName: "")
        client.timeout = .milliseconds(30)
        await #expect(throws: ControlClientError.timeout) { try await client.snapshot() }
        client.timeout = .seconds(60)
        let patient = client
        let asking = Task { try await patient.snapshot() }
        asking.cancel()
        await #expect(throws: ControlClientError.cancelled) { try await asking.value }
    }

    private func makeDeadSocket(_ path: String) throws {
        close(try bindSocket(path))
    }

    private func bindSocket(_ path: String) throws -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(result == 0)
        return descriptor
    }
}
