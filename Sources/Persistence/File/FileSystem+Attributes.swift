import CSystemShim

import Support

extension FileSystem {
    /// Extended attributes by name, access control lists included; empty where the file system has none.
    func attributes(_ file: OpenFile, _ name: String) throws(FileError) -> [String: [UInt8]] {
        let names: [UInt8]
        do throws(FileError) {
            names = try growing(.listAttributes, name) { podium_attribute_names(file.descriptor, $0, $1) }
        } catch {
            guard error.errno == ENOTSUP || error.errno == EOPNOTSUPP || error.errno == ENOSYS else { throw error }
            return [:]
        }
        var attributes: [String: [UInt8]] = [:]
        for slice in names.split(separator: 0) {
            let attribute = String(decoding: slice, as: UTF8.self)
            do throws(FileError) {
                attributes[attribute] = try growing(.readAttribute, name) { buffer, size in
                    podium_attribute_get(file.descriptor, attribute, buffer, size)
                }
            } catch {
                guard error.errno == ENODATA else { throw error }
                continue
            }
        }
        return attributes
    }

    func setAttribute(_ file: OpenFile, _ name: String, _ attribute: String, _ value: [UInt8]) throws(FileError) {
        _ = try run(.setAttribute, name) {
            value.withUnsafeBytes { Int(podium_attribute_set(file.descriptor, attribute, $0.baseAddress, $0.count)) }
        }
    }

    func removeAttribute(_ file: OpenFile, _ name: String, _ attribute: String) throws(FileError) {
        _ = try run(.removeAttribute, name) { Int(podium_attribute_remove(file.descriptor, attribute)) }
    }

    /// Nil where the file system has no flags.
    func flags(_ file: OpenFile, _ name: String) throws(FileError) -> FileFlags? {
        var raw: UInt32 = 0
        do throws(FileError) {
            _ = try run(.getFlags, name) { Int(podium_flags_get(file.descriptor, &raw)) }
            return FileFlags(rawValue: raw)
        } catch {
            switch error.errno {
            case ENOTTY, ENOTSUP, EOPNOTSUPP, ENOSYS, EINVAL: return nil
            default: throw error
            }
        }
    }

    func setFlags(_ file: OpenFile, _ name: String, _ flags: FileFlags) throws(FileError) {
        _ = try run(.setFlags, name) { Int(podium_flags_set(file.descriptor, flags.rawValue)) }
    }

    /// Asks for the size, then for the content, again if it grew in between.
    private func growing(
        _ call: FileCall, _ name: String, _ body: (UnsafeMutablePointer<CChar>?, Int) -> Int
    ) throws(FileError) -> [UInt8] {
        while true {
            let size = try run(call, name) { body(nil, 0) }
            guard size > 0 else { return [] }
            var buffer = [UInt8](repeating: 0, count: size)
            do throws(FileError) {
                let length = try run(call, name) {
                    buffer.withUnsafeMutableBytes { raw in
                        body(raw.baseAddress?.assumingMemoryBound(to: CChar.self), raw.count)
                    }
                }
                return Array(buffer[..<length])
            } catch {
                guard error.errno == ERANGE else { throw error }
                continue
            }
        }
    }
}
