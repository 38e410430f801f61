import ArgumentParser
import Control
import PodiumModel

/// The names of the running Podium's endpoints, for the shell to complete.
enum EndpointNames {
    static let completion = CompletionKind.custom { words, _, _ in await complete(words) }

    private static func complete(_ words: [String]) async -> [String] {
        let options = value(of: "--config", in: words).map { ["--config", $0] } ?? []
        let socket = value(of: "--socket", in: words).map { ["--socket", $0] } ?? []
        // Whatever is wrong, a shell that completes is no place to say it.
        guard let target = try? ControlTarget.parse(options + socket), let path = target.socketPath else { return [] }
        var client = ControlClient(socketPath: path, operatorName: Operator.name)
        client.timeout = .seconds(1)
        return (try? await client.endpoints().endpoints.map(\.name)) ?? []
    }

    private static func value(of option: String, in words: [String]) -> String? {
        guard let index = words.lastIndex(of: option), index + 1 < words.count else { return nil }
        return words[index + 1]
    }
}
