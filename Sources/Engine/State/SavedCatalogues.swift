internal import LLMWire
internal import PodiumModel
internal import Proxy

/// What a process leaves to the next one of the lists of models that endpoints have given, as lines of the file that also has the time outs.
///
/// A line of an endpoint holds the same hash as its time outs: after another key, URL, proxy or CA its list is that of another server.
struct SavedCatalogues: Sendable, Equatable {
    struct Line: Sendable, Equatable {
        var endpoint: String
        var catalogue: ModelCatalogue
    }

    private static let word = "model"

    private(set) var lines: [Line] = []

    /// Takes in a line, where it is one of this kind. Those of one endpoint follow each other.
    mutating func read(_ fields: [String]) {
        guard fields.count == 8, fields[0] == Self.word, let fetched = Int(fields[1]), fetched > 0,
            let reach = UInt64(fields[2], radix: 16), !fields[3].isEmpty, !fields[4].isEmpty
        else { return }
        var model = ListedModel(id: fields[4])
        model.title = fields[5].isEmpty ? nil : fields[5]
        let created = fields[6]
        model.created = Int(created)
        if model.created == nil, !created.isEmpty { model.createdAt = created }
        model.owner = fields[7].isEmpty ? nil : fields[7]
        if let last = lines.last, last.endpoint == fields[3], last.catalogue.reach == reach {
            lines[lines.count - 1].catalogue.models.append(model)
        } else {
            let catalogue = ModelCatalogue(models: [model], fetched: fetched, reach: reach)
            lines.append(Line(endpoint: fields[3], catalogue: catalogue))
        }
    }

    mutating func append(_ endpoint: String, _ catalogue: ModelCatalogue) {
        lines.append(Line(endpoint: endpoint, catalogue: catalogue))
    }

    /// All lists together: the file is read only up to a limit, and the time outs in it are worth more than lists, which can be had again.
    private static let longest = 4 << 20

    /// As they are written; a list for which there is no room is left out as a whole.
    var text: [String] {
        var room = Self.longest
        return lines.flatMap { line -> [String] in
            let list = Self.text(line)
            room -= list.reduce(0) { $0 + $1.utf8.count + 1 }
            return room >= 0 ? list : []
        }
    }

    private static func text(_ line: Line) -> [String] {
        line.catalogue.models.compactMap { model -> String? in
            let fields = [
                Self.word, "\(line.catalogue.fetched)", String(line.catalogue.reach, radix: 16), line.endpoint,
                model.id,
                model.title ?? "", model.createdAt ?? model.created.map { "\($0)" } ?? "", model.owner ?? "",
            ]
            // A line's own marks cannot be written, and are in hardly any name.
            return fields.contains { $0.contains { $0 == "\t" || $0.isNewline } }
                ? nil : fields.joined(separator: "\t")
        }
    }
}

extension EngineState {
    /// The lists that endpoints have given, for the next process.
    var savedCatalogues: SavedCatalogues {
        fileOrder.reduce(into: SavedCatalogues()) { saved, id in
            guard let record = record(id), let catalogue = record.load.catalogue else { return }
            saved.append(record.settings.name, catalogue)
        }
    }

    /// Gives endpoints that are still reached in the same way the lists that an earlier process has left.
    func restore(_ saved: SavedCatalogues) {
        for line in saved.lines {
            guard let record = record(named: line.endpoint), reach(of: record.settings) == line.catalogue.reach else {
                continue
            }
            record.load.keep(line.catalogue)
        }
    }
}
